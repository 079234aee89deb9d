/** Output variables by namespace: `#{Namespace.key}`. */
export type VariableScope = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** All output variables of one action, keys and values together, in bytes (CodePipeline's quota). */
export const MAX_OUTPUT_VARIABLES_BYTES = 122_880;

/** One action's configuration after all variables are filled in, in bytes (CodePipeline's quota). */
export const MAX_RESOLVED_CONFIGURATION_BYTES = 100 * 1024;

/** Key of an output variable, as CodePipeline's API model has it. */
export const OUTPUT_VARIABLE_KEY = /^[A-Za-z0-9@\-_]+$/;

const REFERENCE = /#\{([^}]*)\}/g;
const WELL_FORMED = /^([A-Za-z0-9@\-_]+)\.([A-Za-z0-9@\-_]+)$/;

/** The namespaces that a text refers to; `malformed` are references that are no `namespace.key`. */
export function variableReferences(text: string): { namespaces: string[]; malformed: string[] } {
  const namespaces = new Set<string>();
  const malformed: string[] = [];
  for (const [reference, inner = ''] of text.matchAll(REFERENCE)) {
    const namespace = WELL_FORMED.exec(inner)?.[1];
    if (namespace === undefined) malformed.push(reference);
    else namespaces.add(namespace);
  }
  return { namespaces: [...namespaces], malformed };
}

/**
 * Fills in `#{Namespace.key}` the way CodePipeline does: as text, once, whatever stands around it.
 * A quote or a line break in a value therefore breaks the JSON it is put into, here as in AWS.
 *
 * @throws Error naming every variable that nothing has produced.
 */
export function resolveVariables(text: string, scope: VariableScope): string {
  const unknown = new Set<string>();
  const resolved = text.replace(REFERENCE, (reference, inner: string) => {
    const [, namespace = '', key = ''] = WELL_FORMED.exec(inner) ?? [];
    const values = scope.get(namespace);
    if (values && Object.hasOwn(values, key)) return values[key] ?? '';
    unknown.add(reference);
    return reference;
  });
  if (unknown.size > 0) {
    const known = [...scope].flatMap(([namespace, values]) =>
      Object.keys(values).map((key) => `#{${namespace}.${key}}`),
    );
    throw new Error(
      `no earlier action has produced ${[...unknown].join(', ')}; known here: ${known.join(', ') || 'none'}`,
    );
  }
  return resolved;
}

/** Bytes of keys and values, as counted against {@link MAX_OUTPUT_VARIABLES_BYTES}. */
export function variablesSize(variables: Readonly<Record<string, string>>): number {
  return Object.entries(variables).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
}
