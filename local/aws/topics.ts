import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ServiceError } from './service.ts';

export interface TopicsInput {
  /** Their ARNs, with the addresses that get mails. */
  readonly topics: ReadonlyMap<string, readonly string[]>;
  /** Keeps every message, one text file each. */
  readonly folder: string;
  /** Where a person reads it at once. */
  log(line: string): void;
}

/** SNS's limit, in bytes. */
const MAX_MESSAGE_BYTES = 262_144;

/** SNS, as far as somebody publishes to it: a mail that nobody sends is kept and shown. */
export class Topics {
  constructor(private readonly input: TopicsInput) {}

  /**
   * @returns the message's id
   * @throws ServiceError with SNS's own name for a topic or a message that it does not take
   */
  publish(topicArn: string, subject: string, message: string): string {
    const addresses = this.input.topics.get(topicArn);
    if (addresses === undefined) throw new ServiceError(404, 'NotFound', 'Topic does not exist');
    if (!/^[!-~][ -~]{0,98}$/.test(subject)) throw invalid('Subject');
    if (message === '')
      throw new ServiceError(400, 'InvalidParameter', 'Invalid parameter: Empty message');
    if (Buffer.byteLength(message) > MAX_MESSAGE_BYTES) throw invalid('Message too long');
    const id = randomUUID();
    const to = addresses.length > 0 ? addresses.join(', ') : topicArn;
    const time = new Date().toISOString();
    const text = `To: ${to}\nDate: ${time}\nSubject: ${subject}\n\n${message}`;
    mkdirSync(this.input.folder, { recursive: true });
    writeFileSync(join(this.input.folder, `${time.replaceAll(':', '')}-${id}.txt`), text);
    this.input.log(`Message to ${to}: ${subject}`);
    for (const line of message.trimEnd().split('\n'))
      this.input.log(line === '' ? '' : `  ${line}`);
    return id;
  }
}

const invalid = (what: string): ServiceError =>
  new ServiceError(400, 'InvalidParameter', `Invalid parameter: ${what}`);
