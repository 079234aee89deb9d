import { filled, spelled, type Taken, takenBy } from '../../../lib/release/redirects.ts';
import { VALUE_BYTES } from '../../shared/store.ts';
import type { Redirect } from './read.ts';

/** Rules whose addresses differ in the names of their placeholders at most, so that they match the same. */
export interface Alike {
  /** Their places among all rules, in order. */
  readonly numbers: number[];
}

/** What rules begin with alike. Most of the properties are missing from most nodes, of which there may be half a million. */
interface Node {
  next?: Map<string | undefined, Node>;
  placeholder?: Node;
  end?: Alike;
  /** With `*` at its end. */
  open?: Alike;
}

/** From there on visitors get an error instead ("Quotas", CloudFront Developer Guide: the length of a URL in bytes). */
const URL_CHARACTERS = 8_192;

export const MOST_STEPS = 10;

/** What rules say, in the order of the file. */
export class Ruling {
  readonly #redirects: readonly Redirect[];
  readonly #isFile: (address: string) => boolean;
  /** A tree, by the parts of addresses: thousands of rules are not held against each address one by one. */
  readonly #root: Node = {};

  constructor(redirects: readonly Redirect[], isFile: (address: string) => boolean) {
    this.#redirects = redirects;
    this.#isFile = isFile;
    for (const [number, { from }] of redirects.entries()) this.#add(number, from);
  }

  /** Whether a rule decides about an address; if not, it is served as it is. */
  decides(address: string): boolean {
    return this.#deciding(address) !== undefined;
  }

  /** The rule that decides about an address, and where it leads; nothing if the address is served as it is. */
  at(address: string): { readonly rule: Redirect; readonly to: string } | undefined {
    const found = this.#deciding(address);
    return found && { rule: found.rule, to: filled(found.rule.to, found.taken) };
  }

  /** Whether a rule behind that one would decide about the address although there is a file. */
  after(number: number, address: string): boolean {
    return this.matching(address).some(({ numbers }) =>
      numbers.some((other) => other > number && this.#redirects[other]?.force),
    );
  }

  /** The addresses that a visitor is sent to again and again, or too many of them; nothing if it comes to an end before. */
  loopFrom(rule: Redirect): { readonly way: string[]; readonly isRound: boolean } | undefined {
    const way = [exampleOf(rule)];
    let found = this.#deciding(way[0] as string);
    // Another rule goes before this one there, and is looked at itself.
    if (found?.rule !== rule) return undefined;
    while (found !== undefined && found.rule.status !== 200 && found.rule.to.startsWith('/')) {
      // Refused for its length.
      if (found.rule.to.length > VALUE_BYTES) return undefined;
      const next = filled(found.rule.to, found.taken).replace(/[?#].*$/s, '');
      // A target that has a placeholder many times makes addresses many times as long with each step.
      const isTooMuch = way.length > MOST_STEPS || next.length > URL_CHARACTERS;
      const isRound = way.includes(next);
      if (isTooMuch || isRound) return { way: [...way.slice(0, 3), next], isRound };
      way.push(next);
      found = this.#deciding(next);
    }
    return undefined;
  }

  /** All rules that match an address, whether or not others go before them. */
  matching(address: string): Alike[] {
    const parts = address.slice(1).split('/');
    const spelt = spelled(parts);
    const found: Alike[] = [];
    let nodes: readonly Node[] = [this.#root];
    for (let depth = 0; nodes.length > 0; depth += 1) {
      const part = parts[depth];
      const isLast = part === undefined || (part === '' && depth === parts.length - 1);
      const below: Node[] = [];
      for (const { open, end, next, placeholder } of nodes) {
        if (open) found.push(open);
        if (end && isLast) found.push(end);
        const named = next?.get(spelt[depth]);
        if (named) below.push(named);
        if (placeholder && part) below.push(placeholder);
      }
      nodes = below;
    }
    return found;
  }

  #add(number: number, from: string): void {
    let node = this.#root;
    for (const part of from.slice(1).split('/')) {
      if (part === '*') {
        node.open ??= { numbers: [] };
        node.open.numbers.push(number);
        return;
      }
      if (part.startsWith(':')) {
        node.placeholder ??= {};
        node = node.placeholder;
      } else {
        node.next ??= new Map();
        const next: Node = node.next.get(part) ?? {};
        node.next.set(part, next);
        node = next;
      }
    }
    node.end ??= { numbers: [] };
    node.end.numbers.push(number);
  }

  #deciding(address: string): { readonly rule: Redirect; readonly taken: Taken } | undefined {
    const first = this.matching(address).reduce(
      (least, { numbers }) => Math.min(least, numbers[0] as number),
      Number.POSITIVE_INFINITY,
    );
    const rule = this.#redirects[first];
    if (rule === undefined) return undefined;
    if (rule.status === 404 || (!rule.force && this.#isFile(address))) return undefined;
    const parts = address.slice(1).split('/');
    const taken = takenBy(rule.from.slice(1).split('/'), parts, spelled(parts));
    return taken && { rule, taken };
  }
}

/** An address that the rule matches. */
export const exampleOf = ({ from }: Redirect): string => from.replace(/\/(?::\w+|\*$)/g, '/x');
