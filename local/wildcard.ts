/** The wildcards of IAM's policies and of CloudFront's path patterns: `*` for any characters, `?` for exactly one. */
export function wildcard(pattern: string, flags = ''): (text: string) => boolean {
  if (!/[*?]/.test(pattern) && flags === '') return (text) => text === pattern;
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replace(/\?/g, '.');
  const expression = new RegExp(`^${source}$`, `s${flags}`);
  return (text) => expression.test(text);
}
