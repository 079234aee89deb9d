/** What an intrinsic function may refer to, answered by the physical ids of this machine. */
export interface References {
  /** `Ref`: a resource's physical id, a parameter or a pseudo parameter. */
  ref(name: string): string;
  /** `Fn::GetAtt`. */
  attribute(logicalId: string, attribute: string): string;
  /** `Fn::FindInMap`. */
  inMap(mapping: string, topLevelKey: string, secondLevelKey: string): unknown;
}

/**
 * Replaces every intrinsic function in a part of a CloudFormation template by its value.
 *
 * @throws Error for an intrinsic function that is not known here, naming it and its place
 */
export function resolveIntrinsics(value: unknown, references: References, place: string): unknown {
  const resolve = (part: unknown, path: string): unknown => {
    if (Array.isArray(part)) {
      return part.map((item, index) => resolve(item, `${path}[${index}]`));
    }
    if (typeof part !== 'object' || part === null) return part;
    const entries = Object.entries(part);
    const [name, argument] = entries[0] ?? [];
    if (entries.length === 1 && name !== undefined && (name === 'Ref' || name.startsWith('Fn::'))) {
      return evaluate(name, argument, path);
    }
    return Object.fromEntries(
      entries.map(([key, item]) => [key, resolve(item, path === '' ? key : `${path}.${key}`)]),
    );
  };

  const evaluate = (name: string, argument: unknown, path: string): unknown => {
    switch (name) {
      case 'Ref':
        return references.ref(String(argument));
      case 'Fn::GetAtt': {
        const [logicalId, ...attribute] = Array.isArray(argument)
          ? argument.map(String)
          : String(argument).split('.');
        return references.attribute(String(logicalId), attribute.join('.'));
      }
      case 'Fn::Join': {
        const [separator, parts] = resolve(argument, path) as [string, string[]];
        return parts.join(separator);
      }
      case 'Fn::Select': {
        const [index, list] = resolve(argument, path) as [number | string, string[]];
        return list[Number(index)];
      }
      case 'Fn::Split': {
        const [separator, text] = resolve(argument, path) as [string, string];
        return text.split(separator);
      }
      case 'Fn::FindInMap': {
        const [mapping, topLevelKey, secondLevelKey] = resolve(argument, path) as string[];
        return references.inMap(String(mapping), String(topLevelKey), String(secondLevelKey));
      }
      case 'Fn::Sub': {
        const [text, own] = (Array.isArray(argument) ? argument : [argument, {}]) as [
          string,
          object,
        ];
        const variables = resolve(own, path) as Record<string, string>;
        return text.replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, key: string) => {
          if (literal) return `\${${key}}`;
          const [logicalId, ...attribute] = key.split('.');
          return (
            variables[key] ??
            (attribute.length > 0
              ? references.attribute(String(logicalId), attribute.join('.'))
              : references.ref(key))
          );
        });
      }
      default:
        throw new Error(
          `${place}${path && `: ${path}`}: got the intrinsic function ${name}; the local run knows Ref, Fn::FindInMap, Fn::GetAtt, Fn::Join, Fn::Select, Fn::Split and Fn::Sub`,
        );
    }
  };

  return resolve(value, '');
}
