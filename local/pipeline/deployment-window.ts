import { Cron } from 'croner';

/** CodePipeline's rule DeploymentWindow: the seconds that a Quartz cron expression matches on the clock of a time zone. */
export class DeploymentWindow {
  readonly #cron: Cron;

  /**
   * @throws Error for an expression or a time zone that is not known here: `L` alone or with an offset, ranges over
   * midnight or the end of a week, zones by offset or abbreviation
   */
  constructor(
    readonly cron: string,
    readonly timeZone: string,
  ) {
    this.#cron = new Cron(cron, {
      mode: '6-or-7-parts',
      timezone: timeZone,
      // Quartz counts days of the week from 1, Sunday, and takes 0/15 for every 15 from 0.
      alternativeWeekdays: true,
      sloppyRanges: true,
      domAndDow: true,
    });
    // An unknown zone is noticed only now.
    this.isOpen(0);
  }

  /** @param time milliseconds since the epoch, as below */
  isOpen(time: number): boolean {
    return this.#cron.match(new Date(time));
  }

  /** The first second after this time that is in the window; nothing if there is none any more. */
  opensAfter(time: number): number | undefined {
    return this.#cron.nextRun(new Date(time))?.getTime();
  }
}
