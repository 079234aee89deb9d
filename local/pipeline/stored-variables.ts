import { readFile } from 'node:fs/promises';
import { parseEnv } from 'node:util';

/** An environment variable whose value is kept by AWS, and so not on this machine. */
export interface StoredVariable {
  readonly name: string;
  /** What it stands for, for a person. */
  readonly standsFor: string;
  readonly keptIn: 'PARAMETER_STORE' | 'SECRETS_MANAGER';
  /** The name of the parameter; the name or the ARN of the secret. */
  readonly id: string;
}

export function storedVariable(
  name: string,
  keptIn: StoredVariable['keptIn'],
  value: string,
): StoredVariable {
  if (keptIn === 'PARAMETER_STORE') {
    return { name, standsFor: `the parameter ${value} of Parameter Store`, keptIn, id: value };
  }
  // CodeBuild's form is `secret:key:stage:version`; an ARN has colons of its own.
  const [, secret = '', key] = /^(arn:(?:[^:]*:){5}[^:]*|[^:]*):?([^:]*)/.exec(value) ?? [];
  const part = key ? `the key ${key} of ` : '';
  return { name, standsFor: `${part}the secret ${secret} of Secrets Manager`, keptIn, id: secret };
}

/**
 * The values that this machine has for them: of the environment variable of the same name, or of the line `NAME=value`
 * in `file`. Read anew for each build, so what is missing can be added while the stack runs.
 *
 * @throws Error naming all that have none
 */
export async function readStored(
  variables: readonly StoredVariable[],
  file: string,
): Promise<Record<string, string>> {
  if (variables.length === 0) return {};
  const written = parseEnv(await readFile(file, 'utf8').catch(() => ''));
  const values: Record<string, string> = {};
  const missing: StoredVariable[] = [];
  for (const variable of variables) {
    const value = process.env[variable.name] ?? written[variable.name];
    if (value === undefined) missing.push(variable);
    else values[variable.name] = value;
  }
  if (missing.length === 0) return values;
  throw new Error(
    [
      `no value on this machine for ${missing.map(({ name }) => name).join(', ')}; write NAME=value in ${file}, or start with it in the environment`,
      ...missing.map(({ name, standsFor }) => `  - ${name} stands for ${standsFor}`),
    ].join('\n'),
  );
}

/** A line of output without these values: CodeBuild, too, shows three stars instead. */
export function withoutValues(values: Readonly<Record<string, string>>): (line: string) => string {
  const hidden = Object.values(values)
    .flatMap((value) => value.split('\n'))
    .filter((line) => line.trim() !== '')
    // The longest first: one may be a part of another.
    .sort((a, b) => b.length - a.length);
  return (line) => hidden.reduce((shown, value) => shown.replaceAll(value, '***'), line);
}
