import { globMatcher } from './glob.ts';

/** A pipeline's own trigger, which takes the place of a connection's change detection. */
export interface PushTrigger {
  readonly sourceAction: string;
  /** One of them suffices. */
  readonly filters: readonly PushFilter[];
}

type Matcher = (text: string) => boolean;

interface PushFilter {
  readonly branch: Matcher;
  /** Absent where files do not matter. */
  readonly file?: Matcher;
}

/** As CloudFormation spells it; values unchecked. */
export interface TriggerProperties {
  readonly ProviderType?: unknown;
  readonly GitConfiguration?: {
    readonly SourceActionName?: unknown;
    readonly Push?: readonly { readonly Branches?: Criteria; readonly FilePaths?: Criteria }[];
  };
}

interface Criteria {
  readonly Includes?: readonly string[];
  readonly Excludes?: readonly string[];
}

/**
 * Reads the triggers that the local run honours: pushes, by branch and files. It leaves tags and pull requests unread,
 * which whoever hands in the properties can tell.
 *
 * @param wrong is told of every value that nothing is known of.
 */
export function readTriggers(
  triggers: readonly TriggerProperties[],
  wrong: (path: string, value: unknown, known: string) => void,
): PushTrigger[] {
  return [...triggers].flatMap(({ ProviderType, GitConfiguration }, index) => {
    const path = `Triggers[${index}]`;
    if (ProviderType !== 'CodeStarSourceConnection') {
      wrong(`${path}.ProviderType`, ProviderType, 'CodeStarSourceConnection');
    }
    const { SourceActionName, Push } = GitConfiguration ?? {};
    const pushes = [...(Push ?? [])];
    if (pushes.length === 0) {
      wrong(`${path}.GitConfiguration.Push`, Push, 'filters of pushes, by branch and files');
    }
    const filters = pushes.flatMap(({ Branches, FilePaths }, filter): PushFilter[] => {
      const place = `${path}.GitConfiguration.Push[${filter}]`;
      if (!Branches) wrong(`${place}.Branches`, Branches, 'filters that name branches');
      try {
        return [
          {
            branch: matcher(Branches),
            ...(FilePaths && { file: matcher(FilePaths) }),
          },
        ];
      } catch (error) {
        wrong(place, (error as Error).message, 'patterns that are well formed');
        return [];
      }
    });
    return [{ sourceAction: String(SourceActionName), filters }];
  });
}

/** What is excluded is out, whatever includes it: CodePipeline API reference, GitFilePathFilterCriteria. */
function matcher({ Includes, Excludes }: Criteria = {}): Matcher {
  const includes = [...(Includes ?? ['**'])].map(globMatcher);
  const excludes = [...(Excludes ?? [])].map(globMatcher);
  const oneOf = (matchers: readonly Matcher[], text: string) =>
    matchers.some((matches) => matches(text));
  return (text) => oneOf(includes, text) && !oneOf(excludes, text);
}

/**
 * Why a push does not start the pipeline, as words for who pushes; `true` if it does. One changed file that
 * matches suffices.
 */
export function startedBy(
  { filters }: PushTrigger,
  branch: string,
  changedFiles: () => readonly string[],
): true | string {
  const concerned = filters.filter((filter) => filter.branch(branch));
  if (concerned.length === 0) return 'no trigger of the pipeline names this branch';
  const files = concerned.every(({ file }) => file) ? changedFiles() : [];
  return (
    concerned.some(({ file }) => !file || files.some(file)) ||
    'none of the changed files starts the pipeline'
  );
}
