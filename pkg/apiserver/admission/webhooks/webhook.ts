import type { MutatingWebhook, ValidatingWebhook } from '#api/kinds/index.ts';

/** What both kinds of webhooks have in common. */
export type Webhook = MutatingWebhook | ValidatingWebhook;
