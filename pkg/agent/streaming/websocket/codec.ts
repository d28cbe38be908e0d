/**
 * How channel messages look on a WebSocket: binary messages start with the channel number as a byte, the base64 forms
 * are text messages that start with it as a digit.
 */
export interface ChannelCodec {
  encode(channel: number, data: Buffer): Buffer | string;
  /** Null when the message is malformed. */
  decode(message: Buffer): { channel: number; data: Buffer } | null;
}

export const binaryCodec: ChannelCodec = {
  encode(channel, data) {
    const message = Buffer.allocUnsafe(1 + data.length);
    message[0] = channel;
    data.copy(message, 1);
    return message;
  },
  decode(message) {
    const channel = message[0];
    return channel === undefined ? null : { channel, data: message.subarray(1) };
  },
};

/** The digit of channel 0. */
const ZERO = 0x30;

export const base64Codec: ChannelCodec = {
  encode: (channel, data) => String.fromCharCode(ZERO + channel) + data.toString('base64'),
  decode(message) {
    const channel = (message[0] ?? 0) - ZERO;
    if (channel < 0) return null;
    return { channel, data: Buffer.from(message.toString('latin1', 1), 'base64') };
  },
};

/** One channel sub-protocol: its version (what the error channel carries, whether stdin can be closed) and encoding. */
export interface ChannelProtocol {
  readonly version: number;
  readonly codec: ChannelCodec;
}

/** By sub-protocol name; the empty name is a client that asks for none. */
export const CHANNEL_PROTOCOLS: ReadonlyMap<string, ChannelProtocol> = new Map([
  ['v5.channel.k8s.io', { version: 5, codec: binaryCodec }],
  ['v4.channel.k8s.io', { version: 4, codec: binaryCodec }],
  ['v4.base64.channel.k8s.io', { version: 4, codec: base64Codec }],
  ['channel.k8s.io', { version: 1, codec: binaryCodec }],
  ['base64.channel.k8s.io', { version: 1, codec: base64Codec }],
  ['', { version: 1, codec: binaryCodec }],
]);
