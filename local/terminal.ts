import { clearLine, cursorTo } from 'node:readline';
import { stripVTControlCharacters, styleText } from 'node:util';
import type { PipelineEvent } from './pipeline/events.ts';
import { duration, linesFor } from './pipeline/lines.ts';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/**
 * Shows what the pipeline does: in a terminal one line that moves, with what is running, for how long
 * and what it said last; elsewhere every line as it comes.
 */
export class Terminal {
  private readonly running = new Map<string, { label: string; since: number; last: string }>();
  private timer: NodeJS.Timeout | undefined;
  private frame = 0;

  constructor(private readonly out: NodeJS.WriteStream = process.stdout) {}

  /** One line, above whatever moves. */
  line(text = ''): void {
    this.clear();
    this.out.write(`${text}\n`);
    this.draw();
  }

  /** Shows `label` as under way until `work` ends. */
  async during<T>(label: string, work: Promise<T>): Promise<T> {
    const since = Date.now();
    this.begin(label, label, since);
    try {
      const result = await work;
      this.end(label);
      this.line(`${label.padEnd(24)}${duration(Date.now() - since)}`);
      return result;
    } finally {
      this.end(label);
    }
  }

  readonly event = (event: PipelineEvent): void => {
    if (!this.out.isTTY) {
      for (const text of linesFor(event)) this.line(text);
      return;
    }
    switch (event.type) {
      case 'action-started':
        this.begin(keyOf(event), `${event.stage} · ${event.action}`, event.time);
        return;
      case 'action-output':
      case 'action-progress':
        this.say(keyOf(event), event.type === 'action-output' ? event.line : (event.summary ?? ''));
        return;
      case 'action-finished':
        this.end(keyOf(event));
        for (const text of event.lastLines ?? []) this.line(`    ${plain(text)}`);
        break;
    }
    for (const text of linesFor(event)) this.line(coloured(text));
  };

  /** Leaves the terminal as it was found. */
  close(): void {
    this.running.clear();
    this.stopTimer();
    this.clear();
  }

  private begin(key: string, label: string, since: number): void {
    if (!this.out.isTTY) return;
    this.running.set(key, { label, since, last: '' });
    this.timer ??= setInterval(() => this.draw(), 100);
    this.timer.unref();
    this.draw();
  }

  private say(key: string, text: string): void {
    const entry = this.running.get(key);
    if (entry) entry.last = plain(text);
  }

  private end(key: string): void {
    this.running.delete(key);
    if (this.running.size === 0) this.stopTimer();
    this.clear();
  }

  private stopTimer(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private draw(): void {
    if (!this.out.isTTY || this.running.size === 0) return;
    this.frame = (this.frame + 1) % FRAMES.length;
    const parts = [...this.running.values()].map(
      ({ label, since, last }) => `${label}  ${duration(Date.now() - since)}  ${last}`,
    );
    const text = `${FRAMES[this.frame]} ${parts.join('   ')}`;
    this.clear();
    // One column short of the width: a line that wraps could not be taken back.
    this.out.write([...text].slice(0, (this.out.columns || 80) - 1).join(''));
  }

  private clear(): void {
    if (!this.out.isTTY) return;
    clearLine(this.out, 0);
    cursorTo(this.out, 0);
  }
}

/** What a build prints must not move the cursor of this terminal. */
const plain = (text: string): string => stripVTControlCharacters(text).replace(/\t/g, '  ');

/** Success and failure told apart at a glance. */
function coloured(text: string): string {
  if (process.env.NO_COLOR) return text;
  if (/^(published|rolled back) /.test(text)) return styleText(['bold', 'green'], text);
  if (/^(FAILED|STOPPED|SUPERSEDED|KEPT) /.test(text)) return styleText(['bold', 'red'], text);
  return text.replace(/(?<= {2})(succeeded|failed)(?= {2})/, (status) =>
    styleText(status === 'failed' ? 'red' : 'green', status),
  );
}

const keyOf = ({
  executionId,
  stage,
  action,
}: {
  executionId: string;
  stage: string;
  action: string;
}) => `${executionId}/${stage}/${action}`;
