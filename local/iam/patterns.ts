import { wildcard } from '../wildcard.ts';

/** Of an ARN's six parts each is matched by itself, so that no wildcard reaches over a colon into the next. */
export function arnPattern(pattern: string): (arn: string) => boolean {
  const parts = partsOf(pattern).map((part) => wildcard(part));
  return (arn) => {
    const others = partsOf(arn);
    return others.length === parts.length && parts.every((fits, at) => fits(others[at] ?? ''));
  };
}

function partsOf(arn: string): string[] {
  const parts = arn.split(':');
  return parts.length <= 6 ? parts : [...parts.slice(0, 5), parts.slice(5).join(':')];
}
