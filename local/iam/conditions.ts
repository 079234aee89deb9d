import type { Caller } from './callers.ts';
import { arnPattern } from './patterns.ts';
import { listOf, recordAt, textsAt, unknown } from './values.ts';

/** Whether a condition holds for a caller. A key that the request does not have never does. */
export type Condition = (caller: Caller) => boolean;

const sourceArnOf = (caller: Caller): string | undefined =>
  'service' in caller ? caller.sourceArn : undefined;

const equals =
  (read: (caller: Caller) => string | undefined) =>
  (wanted: readonly string[]): Condition =>
  (caller) => {
    const value = read(caller);
    return value !== undefined && wanted.includes(value);
  };

/** The two operators "behave identically" (IAM user guide, "ARN condition operators"). */
const likeSourceArn = (wanted: readonly string[]): Condition => {
  const patterns = wanted.map(arnPattern);
  return (caller) => {
    const arn = sourceArnOf(caller);
    return arn !== undefined && patterns.some((fits) => fits(arn));
  };
};

/** By operator and key: the keys are the one part of a policy whose case does not matter. */
const KNOWN: Readonly<Record<string, (wanted: readonly string[]) => Condition>> = {
  // The loopback interface stands for the TLS connection.
  'Bool aws:securetransport': equals(() => 'true'),
  'StringEquals aws:sourcearn': equals(sourceArnOf),
  'StringEquals aws:sourceaccount': equals((caller) => sourceArnOf(caller)?.split(':')[4]),
  'ArnLike aws:sourcearn': likeSourceArn,
  'ArnEquals aws:sourcearn': likeSourceArn,
  'StringEquals s3:x-amz-acl': equals((caller) => ('service' in caller ? caller.acl : undefined)),
};

const NAMES =
  'StringEquals aws:SourceArn, aws:SourceAccount and s3:x-amz-acl, ArnLike and ArnEquals aws:SourceArn and Bool aws:SecureTransport';

/**
 * The conditions of a statement, all of which have to hold.
 *
 * @throws Error naming the operator and key that are not known here
 */
export function conditionsAt(place: string, value: unknown): Condition[] {
  return Object.entries(recordAt(place, value)).flatMap(([operator, keys]) =>
    Object.entries(recordAt(`${place}.${operator}`, keys)).map(([key, wanted]) => {
      const here = `${place}.${operator}.${key}`;
      const known = KNOWN[`${operator} ${key.toLowerCase()}`];
      if (!known) throw unknown(here, wanted, NAMES);
      return known(textsAt(here, listOf(wanted).map(booleanAsText)));
    }),
  );
}

const booleanAsText = (value: unknown): unknown =>
  typeof value === 'boolean' ? String(value) : value;
