/**
 * Takes the place of `@aws-sdk/credential-provider-node` in the bundles: credentials from the
 * environment and from nowhere else.
 *
 * Lambda always puts them there, for as long as the execution environment lives. The chain that
 * this replaces also knows profiles, SSO, containers, instances and web identities: a quarter of
 * the smallest bundle and of its start-up, to look in places where a function has nothing.
 *
 * @throws CredentialsProviderError if the environment has none, naming the variables.
 */
export const defaultProvider = () => async () => {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = process.env;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) {
    throw Object.assign(
      new Error('AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: not set; Lambda sets both'),
      { name: 'CredentialsProviderError' },
    );
  }
  return {
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }),
  };
};
