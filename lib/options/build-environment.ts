import * as v from 'valibot';
import { options, text } from './checks.ts';

/** Environment variables of a build by name. */
export type BuildEnvironment = Readonly<Record<string, BuildVariable>>;

/** The value itself, which is in the template and in the console for all to read, or where AWS keeps it. */
export type BuildVariable = string | StoredParameter | StoredSecret;

/** In AWS Systems Manager Parameter Store, in the stack's account and Region. */
export interface StoredParameter {
  /** The parameter's name: `/site/analytics-id`. A SecureString needs a key that the build's role may use; AWS's own does. */
  readonly parameter: string;
}

/** In AWS Secrets Manager. */
export interface StoredSecret {
  /** The secret's name, for one in the stack's account and Region, or its ARN. */
  readonly secret: string;
  /**
   * The key whose value is meant, of a secret that is a JSON object.
   *
   * @default undefined - the whole secret
   */
  readonly key?: string;
}

const VALUE =
  "use a text, { parameter: '/name' } from Parameter Store or { secret: 'name' } from Secrets Manager";

const parameter = options({
  parameter: text(
    /^(?=.{1,1011}$)\/?[\w.-]+(?:\/[\w.-]+)*$/,
    "use the name of a parameter, such as '/site/analytics-id'",
  ),
});

const secret = options({
  secret: text(
    // A name, or the ARN with the six characters that Secrets Manager adds: without them it is another secret's.
    /^(?:[\w/+=.@-]{1,512}|arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+-[A-Za-z0-9]{6})$/,
    "use the name of a secret, such as 'site/api-token', or its whole ARN",
  ),
  // CodeBuild reads a colon as the end of the key.
  key: v.optional(
    text(/^[^:\s]+$/, 'use a key of the secret, without colons or spaces'),
    undefined,
  ),
});

const variable = v.lazy((input): v.GenericSchema<unknown, BuildVariable> => {
  if (typeof input !== 'object' || input === null) return v.string(VALUE);
  return 'secret' in input ? secret : parameter;
});

const NAME =
  'use letters, digits and _ in the name, no digit first, and none that begins with CODEBUILD_, which are reserved';

export const environment = v.optional(
  v.pipe(
    v.record(
      text(/^(?!CODEBUILD_)[A-Za-z_][A-Za-z0-9_]*$/, NAME),
      variable,
      'use an object of names and values',
    ),
    v.readonly(),
  ),
  {},
);
