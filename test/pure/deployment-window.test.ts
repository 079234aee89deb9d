import { describe, expect, test } from 'vitest';
import { DeploymentWindow } from '../../local/pipeline/deployment-window.ts';

const at = (text: string): number => Date.parse(text);
const opensAfter = (window: DeploymentWindow, text: string): string | undefined => {
  const time = window.opensAfter(at(text));
  return time === undefined ? undefined : new Date(time).toISOString();
};

describe('Monday to Thursday from 9:00 to 16:59 in Berlin', () => {
  const window = new DeploymentWindow('* * 9-16 ? * MON-THU', 'Europe/Berlin');

  test.each([
    // In winter Berlin is an hour ahead of UTC.
    ['2026-11-30T07:59:59.999Z', false],
    ['2026-11-30T08:00:00.000Z', true],
    ['2026-11-30T15:59:59.999Z', true],
    ['2026-11-30T16:00:00.000Z', false],
    ['2026-12-04T10:00:00.000Z', false],
    // In summer two.
    ['2026-06-01T07:00:00.000Z', true],
    ['2026-06-01T15:00:00.000Z', false],
  ])('%s: %s', (time, open) => {
    expect(window.isOpen(at(time))).toBe(open);
  });

  test('opens again on Monday after Thursday evening', () => {
    expect(opensAfter(window, '2026-12-03T18:00:00Z')).toBe('2026-12-07T08:00:00.000Z');
  });
});

describe("Quartz's notation, which is CodePipeline's", () => {
  test.each([
    ['days of the week count from Sunday', '* * 12 ? * 1', '2026-11-29T12:00:00.000Z'],
    ['every 20 minutes from 5 past', '* 5/20 9 ? * *', '2026-11-28T09:05:00.000Z'],
    ['the last day of a month', '* * 12 L * ?', '2026-11-30T12:00:00.000Z'],
    ['the working day nearest to a date', '* * 12 5W 12 ?', '2026-12-04T12:00:00.000Z'],
    ['the last Friday of a month', '* * 12 ? 12 6L', '2026-12-25T12:00:00.000Z'],
    ['the third Friday of a month', '* * 12 ? 12 6#3', '2026-12-18T12:00:00.000Z'],
    ['a year', '* * 12 1 JAN ? 2028', '2028-01-01T12:00:00.000Z'],
  ])('%s: %s', (_, cron, opens) => {
    expect(opensAfter(new DeploymentWindow(cron, 'UTC'), '2026-11-27T20:00:00Z')).toBe(opens);
  });

  test('a year that is over never opens again', () => {
    const window = new DeploymentWindow('* * 12 ? * * 2025', 'UTC');
    expect(opensAfter(window, '2026-11-27T20:00:00Z')).toBeUndefined();
  });

  test.each([
    ['* * 12 L-3 * ?', 'UTC'],
    ['* * 22-2 ? * *', 'UTC'],
    ['* * 12 ? *', 'UTC'],
    ['* * 12 ? * *', 'Europe/Atlantis'],
  ])('what cannot be read is refused, never taken for something else: %s in %s', (cron, zone) => {
    expect(() => new DeploymentWindow(cron, zone)).toThrow();
  });
});
