import {
  ParameterProblems,
  readParameters,
  resolveIt,
  unresolvedVariable,
} from '../shared/parameters.ts';

export interface InvalidateParameters {
  readonly distributionId: string;
  /** As CloudFront takes them: percent-encoded where needed, each once. */
  readonly objectPaths: readonly string[];
}

const USAGE = '{"distributionId": "E…", "objectPaths": ["/*"]}';

/** Upper-case letters and digits after an E; 13 or 14 characters in every id seen so far. */
const DISTRIBUTION_ID = /^E[A-Z0-9]{6,31}$/;

const PATH_CHARACTERS = 4_000;

/**
 * No quota that CloudFront has published lets more through: 3,000 paths and 15 wildcards in progress
 * for a distribution (older accounts, China), or 150 paths and 1 wildcard a second, which add up to
 * 15 wildcards in less than a minute. Above it a job could only wait for its own deadline.
 */
const MAX_PATHS = 3_000;
const MAX_WILDCARDS = 15;

/**
 * The action's user parameters: these two fields and no others.
 *
 * Characters that a URL cannot hold are percent-encoded as a browser does it, since that is the
 * form in which CloudFront has them cached.
 *
 * @throws Failure (ConfigurationError) that names everything wrong at once.
 */
export function readInvalidateParameters(text: string | undefined): InvalidateParameters {
  const problems = new ParameterProblems(
    USAGE,
    'No invalidation was created: visitors may still get cached copies until they expire.',
  );
  const { distributionId, objectPaths } = readParameters(
    text,
    ['distributionId', 'objectPaths'],
    problems,
  );

  const variable = typeof distributionId === 'string' && unresolvedVariable(distributionId);
  if (variable) {
    problems.add('distributionId', distributionId, resolveIt(variable));
  } else if (typeof distributionId !== 'string' || !DISTRIBUTION_ID.test(distributionId)) {
    problems.add(
      'distributionId',
      distributionId,
      'write the id of a distribution, such as "E1A2B3C4D5E6F7"',
    );
  }

  const paths = new Set<string>();
  if (!Array.isArray(objectPaths) || objectPaths.length === 0) {
    problems.add('objectPaths', objectPaths, 'write a list of at least one path, such as ["/*"]');
  } else {
    for (const [index, path] of objectPaths.entries()) {
      const wrong = problemIn(path);
      if (wrong) problems.add(`objectPaths[${index}]`, path, wrong);
      else paths.add(encoded(path as string));
    }
    if (paths.size > MAX_PATHS) {
      problems.add(
        'objectPaths',
        `${paths.size} paths`,
        `write at most ${MAX_PATHS}, such as one path that ends in *`,
      );
    }
    const wildcards = [...paths].filter((path) => path.endsWith('*')).length;
    if (wildcards > MAX_WILDCARDS) {
      problems.add(
        'objectPaths',
        `${wildcards} paths that end in *`,
        `write at most ${MAX_WILDCARDS}, such as "/*" for all`,
      );
    }
  }
  problems.throwIfAny();
  return { distributionId: distributionId as string, objectPaths: [...paths] };
}

/** What to write instead, by the rules in CloudFront's "What you need to know when invalidating files". */
function problemIn(path: unknown): string | undefined {
  if (typeof path !== 'string') return 'write a path as text, such as "/index.html"';
  const variable = unresolvedVariable(path);
  if (variable) return resolveIt(variable);
  if (!path.startsWith('/')) return 'write a path that begins with /';
  if (/~|%7e/i.test(path))
    return 'leave out the ~, which CloudFront does not invalidate, and end in * before it';
  // CloudFront would take it as it stands: an asterisk in a file's name.
  if (/\*./.test(path)) return 'write * only as the last character';
  if (path.includes('#')) return 'leave out what follows #, which is never sent to CloudFront';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (/[\u0000-\u001f\u007f]/.test(path)) return 'leave out the control characters';
  if (/\p{Surrogate}/u.test(path))
    return 'leave out the half surrogate pair, which is no character';
  if (encoded(path).length > PATH_CHARACTERS) {
    return `write at most ${PATH_CHARACTERS} characters (it has ${encoded(path).length}), such as a shorter path that ends in *`;
  }
  return undefined;
}

/** What the URL standard encodes in a path, and nothing else: `%` may be an encoding already. */
const encoded = (path: string): string =>
  path.replace(/[^\u0021-\u007e]+|["<>`{}^]/g, (characters) => encodeURIComponent(characters));
