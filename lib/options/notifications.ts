import * as v from 'valibot';
import { options, text } from './checks.ts';

/** Who is told what became of a release, and of an alarm. Either addresses or a topic is needed, and both may be given. */
export interface NotificationsConfig {
  /**
   * Up to 20 addresses that get a mail. SNS asks each of them first whether it wants them, and sends nothing to one
   * that has not confirmed.
   *
   * @default []
   */
  readonly email?: readonly string[];

  /**
   * An existing SNS topic, in the Region of the stack, for what listens there already: a chat, a pager. Its policy has
   * to let CloudWatch publish, and its key, if it has one of its own, too: docs/monitoring.md.
   *
   * @default - a topic of the stack's own
   */
  readonly topicArn?: string;

  /**
   * Whether CloudWatch watches the site and its functions: eight alarms, 0.90 US dollars a month together. What they
   * watch is in docs/monitoring.md. Outside us-east-1 two of them are in a second stack: `cdk deploy --all`.
   *
   * @default true
   */
  readonly alarms?: boolean;
}

const ADDRESSES = "use a list of addresses, such as ['web@example.com']";
const BOOLEAN = 'use true or false';

export const notifications = v.pipe(
  options({
    email: v.optional(
      v.pipe(
        v.array(
          text(
            /^(?=.{3,254}$)[^\s@<>"',;]+@[^\s@<>"',;.]+(\.[^\s@<>"',;.]+)+$/,
            'use an address, such as web@example.com',
          ),
          ADDRESSES,
        ),
        v.maxLength(20, 'use at most 20 addresses; a mailing list has room for more'),
        v.check((all) => new Set(all).size === all.length, 'name every address once'),
        v.readonly(),
      ),
      [],
    ),
    topicArn: v.optional(
      // Not a FIFO topic, which takes no message without a group and sends no mail.
      text(
        /^arn:aws[a-z-]*:sns:[a-z]{2}(-[a-z]+)+-\d:\d{12}:[\w-]{1,256}$/,
        'use the ARN of an SNS topic that is not FIFO, such as arn:aws:sns:eu-west-1:123456789012:web',
      ),
    ),
    alarms: v.optional(v.boolean(BOOLEAN), true),
  }),
  v.check(
    ({ email, topicArn }) => email.length > 0 || topicArn !== undefined,
    'name at least one address in email, or a topic in topicArn',
  ),
);
