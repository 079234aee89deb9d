/** What a call may meet on its way, and for how long. */
export interface Fault {
  readonly name: string;
  readonly effect: Effect;
  /** What a failure that comes of it has to name. */
  readonly cause: RegExp;
  /** @default all of them */
  readonly lasts?: readonly Lasting[];
  /** Which calls it can befall. @default all */
  readonly of?: RegExp;
}

export type Effect =
  /** An error of the service, in its own format; nothing was done. */
  | { readonly kind: 'refused'; readonly status: number; readonly readable?: boolean }
  /** The connection ends; done or not. `late`: done after the client has given up. */
  | { readonly kind: 'broken'; readonly done: boolean | 'late'; readonly silent: boolean }
  /** Done or not, and answered with something else than the answer. */
  | {
      readonly kind: 'garbled';
      readonly how: 'other' | 'empty' | 'half' | 'hollow';
      /** @default true */
      readonly done?: boolean;
    }
  /** Done, and answered after so long. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** The process is gone, before the call is carried out or after. */
  | { readonly kind: 'crash'; readonly done: boolean }
  /** Never answered, and whoever gives the call up hears nothing either. */
  | { readonly kind: 'stalled' }
  /** Its clock is wrong by so much from here on. */
  | { readonly kind: 'clock'; readonly ms: number }
  /** The same event is delivered again. */
  | { readonly kind: 'twice' }
  /** Somebody else does something from beginning to end. */
  | { readonly kind: 'meanwhile'; readonly who: 'publishes' | 'cleans up' };

/** For one attempt of the call, or all attempts at that operation for so long. */
export const LASTING = {
  once: 0,
  'for a minute': 60_000,
  'for two hours': 2 * 60 * 60_000,
} as const;
export type Lasting = keyof typeof LASTING;

const ONCE = ['once'] as const;
const HOUR_MS = 60 * 60_000;

const refused = (status: number, cause: RegExp): Fault => ({
  name: String(status),
  effect: { kind: 'refused', status },
  cause,
});

const RESET = /ECONNRESET|socket hang up/;
const TIMEOUT = /TimeoutError|timed out/;
/** A document of ours that nobody can read is damaged, S3's 404 without a body is none of its errors, and what the site answers is shown. */
const UNEXPECTED =
  /UnexpectedAnswer|S3 aborted request|Checksum mismatch|PreconditionFailed|\(412\)|damaged|NotFound \(404\)|does not answer as it should/i;
/** A HEAD has headers only. */
const WITH_A_BODY = /^(?!HeadObject)/;

/** Every fault that is tried at every call. */
export const FAULTS: readonly Fault[] = [
  refused(400, /\(400\)|answered 400/),
  refused(403, /\(403\)|answered 403/),
  refused(409, /\(409\)|answered 409/),
  refused(
    412,
    /\(412\)|answered 412|exists already|are taken, says S3|gone now|others were faster|given up/,
  ),
  refused(429, /\(429\)|answered 429/),
  refused(500, /\(500\)|answered 500/),
  refused(503, /\(503\)|answered 503/),
  {
    name: '502 that is no answer of the service',
    effect: { kind: 'refused', status: 502, readable: false },
    cause: /\(502\)|answered 502/,
  },
  {
    name: 'reset before it is carried out',
    effect: { kind: 'broken', done: false, silent: false },
    cause: RESET,
  },
  {
    name: 'carried out, then reset',
    effect: { kind: 'broken', done: true, silent: false },
    cause: RESET,
  },
  {
    name: 'no answer, not carried out',
    effect: { kind: 'broken', done: false, silent: true },
    cause: TIMEOUT,
  },
  {
    name: 'no answer, carried out',
    effect: { kind: 'broken', done: true, silent: true },
    cause: TIMEOUT,
  },
  {
    name: 'no answer, carried out after it was given up',
    effect: { kind: 'broken', done: 'late', silent: true },
    cause: TIMEOUT,
  },
  {
    name: 'slow answer',
    effect: { kind: 'slow', ms: 6_500 },
    cause: /time|invocation|minutes|did not/i,
  },
  {
    name: 'somebody else answers, and nothing is done',
    effect: { kind: 'garbled', how: 'other', done: false },
    cause: UNEXPECTED,
    of: WITH_A_BODY,
  },
  {
    name: 'another document in place of the answer',
    effect: { kind: 'garbled', how: 'other' },
    cause: UNEXPECTED,
    of: WITH_A_BODY,
  },
  {
    name: 'empty answer',
    effect: { kind: 'garbled', how: 'empty' },
    cause: UNEXPECTED,
    of: WITH_A_BODY,
  },
  {
    name: 'half an answer, then reset',
    effect: { kind: 'garbled', how: 'half' },
    cause: /ECONNRESET|does not answer as it should/,
    of: WITH_A_BODY,
  },
  {
    name: 'answer without its fields',
    effect: { kind: 'garbled', how: 'hollow' },
    cause: UNEXPECTED,
    of: WITH_A_BODY,
  },
  {
    name: 'crash before it is carried out',
    effect: { kind: 'crash', done: false },
    cause: /./,
    lasts: ONCE,
  },
  { name: 'crash after', effect: { kind: 'crash', done: true }, cause: /./, lasts: ONCE },
  {
    name: 'never answered, whatever the caller does',
    effect: { kind: 'stalled' },
    cause: /within the time|end of its Lambda invocation/,
    lasts: ONCE,
    // There is nobody left to say so then; the SDK's clients do hear it.
    of: /^(?!PutJob)/,
  },
  {
    name: 'the clock goes an hour ahead',
    effect: { kind: 'clock', ms: HOUR_MS },
    cause: /./,
    lasts: ONCE,
  },
  {
    name: 'the clock goes an hour back',
    effect: { kind: 'clock', ms: -HOUR_MS },
    cause: /./,
    lasts: ONCE,
  },
  { name: 'the event is delivered again', effect: { kind: 'twice' }, cause: /./, lasts: ONCE },
  {
    name: 'another release goes live meanwhile',
    effect: { kind: 'meanwhile', who: 'publishes' },
    cause: /./,
    lasts: ONCE,
    of: /^ListObjects/,
  },
  {
    name: 'a clean-up runs meanwhile',
    effect: { kind: 'meanwhile', who: 'cleans up' },
    cause: /./,
    lasts: ONCE,
    of: /^ListObjects/,
  },
];
