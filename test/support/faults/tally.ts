/** How many cases of each kind were tried, and what broke. */
export class Tally {
  readonly #byHandler = new Map<string, number>();
  readonly #byFault = new Map<string, number>();
  readonly violations: string[] = [];
  cases = 0;

  count(handler: string, fault: string, title: string, violation: string | undefined): void {
    this.cases += 1;
    this.#byHandler.set(handler, (this.#byHandler.get(handler) ?? 0) + 1);
    this.#byFault.set(fault, (this.#byFault.get(fault) ?? 0) + 1);
    if (violation !== undefined) this.violations.push(`${title}\n${violation}`);
  }

  /** Line by line. */
  lines(): string[] {
    const width = Math.max(...[...this.#byFault.keys(), ...this.#byHandler.keys()].map(lengthOf));
    const line = ([name, count]: [string, number]) =>
      `  ${name.padEnd(width)}  ${String(count).padStart(6)}`;
    return [
      'by what is run',
      ...[...this.#byHandler].map(line),
      'by fault',
      ...[...this.#byFault].map(line),
      `${this.cases} cases, ${this.violations.length} violations`,
    ];
  }
}

const lengthOf = (text: string): number => text.length;
