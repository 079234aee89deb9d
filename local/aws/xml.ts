import { XMLBuilder, XMLParser, XMLValidator } from 'fast-xml-parser';

const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: '@' });

/** Attributes are keys that begin with `@`, repeated elements arrays. */
export function toXml(document: Readonly<Record<string, unknown>>): string {
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n${builder.build(document)}`;
  // Raw, a carriage return reads back as a line feed and the others not at all. S3 sends references.
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what has to be replaced
    /[\x00-\x08\x0b-\x1f]/g,
    (character) => `&#${character.charCodeAt(0)};`,
  );
}

/**
 * Every value is a string, untrimmed, and every element in `lists` an array. `undefined` when the
 * text is not XML.
 */
export function fromXml(
  text: string,
  lists: readonly string[],
): Record<string, unknown> | undefined {
  if (XMLValidator.validate(text) !== true) return undefined;
  const parser = new XMLParser({
    parseTagValue: false,
    trimValues: false,
    ignoreDeclaration: true,
    // Numeric character references, which is how the SDK sends what XML cannot hold as it is.
    htmlEntities: true,
    isArray: (name) => lists.includes(name),
  });
  return parser.parse(text) as Record<string, unknown>;
}
