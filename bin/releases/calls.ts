/** Which call of AWS an error came from: the SDK does not say. */
const calls = new WeakMap<object, string>();

type Next = (args: unknown) => Promise<unknown>;

interface Context {
  readonly clientName?: string;
  readonly commandName?: string;
}

interface Client {
  // biome-ignore lint/suspicious/noExplicitAny: the types of input and output are each service's own
  readonly middlewareStack: { add(middleware: any, options: any): void };
}

/** Makes a client's errors known to `callOf`, and each of its calls to `begun`: `S3 GetObject`. */
export function traced<C extends Client>(client: C, begun: (call: string) => void = () => {}): C {
  client.middlewareStack.add(
    (next: Next, { clientName = '', commandName = '' }: Context) =>
      async (args: unknown) => {
        const call = `${clientName.replace(/Client$/, '')} ${commandName.replace(/Command$/, '')}`;
        begun(call);
        try {
          return await next(args);
        } catch (error) {
          if (typeof error === 'object' && error !== null) calls.set(error, call);
          throw error;
        }
      },
    { step: 'initialize', name: 'nameTheCall' },
  );
  return client;
}

/** Whether such a call may change something. */
export const isWrite = (call: string): boolean => !/ (Get|List|Describe|Head)/.test(call);

/** `CloudFormation DescribeStacks`, or nothing for an error that came from no call. */
export const callOf = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null ? calls.get(error) : undefined;
