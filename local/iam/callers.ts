/** Who makes a call, as IAM knows them. */
export type Caller =
  /** Somebody who may do everything that no policy denies: the person whose machine this is. */
  | { readonly user: string }
  /** A session of a role of the template. */
  | {
      /** `arn:aws:iam::123456789012:role/NAME` */
      readonly role: string;
      readonly session: string;
    }
  /** A service of AWS, such as `cloudfront.amazonaws.com`, with what it says about its request. */
  | {
      readonly service: string;
      /** On behalf of which resource. */
      readonly sourceArn?: string;
      /** The ACL that it gives to what it writes. */
      readonly acl?: string;
    };

/** As messages name them: `arn:aws:sts::123456789012:assumed-role/NAME/SESSION`, a service's or a user's name. */
export function nameOf(caller: Caller): string {
  if ('user' in caller) return caller.user;
  if ('service' in caller) return caller.service;
  const [, account = '', name = ''] = /^arn:aws:iam::(\d*):role\/(.+)$/.exec(caller.role) ?? [];
  return `arn:aws:sts::${account}:assumed-role/${name.replace(/^.*\//, '')}/${caller.session}`;
}
