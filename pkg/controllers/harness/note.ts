/** What is told as an event, of an object that goes without saying. */
export type Note = readonly [type: 'Normal' | 'Warning', reason: string, message: string];
