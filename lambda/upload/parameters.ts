import {
  ParameterProblems,
  readParameters,
  resolveIt,
  unresolvedVariable,
} from '../shared/parameters.ts';

/**
 * The source revision that the action names: a commit id, or the version id of an S3 object.
 *
 * @throws Failure (ConfigurationError) that names everything wrong at once.
 */
export function readUploadParameters(text: string | undefined, visitors: string): string {
  const problems = new ParameterProblems('{"revision": "#{Source.CommitId}"}', visitors);
  const { revision } = readParameters(text, ['revision'], problems);
  const variable = typeof revision === 'string' && unresolvedVariable(revision);
  if (variable) {
    problems.add('revision', revision, resolveIt(variable));
  } else if (typeof revision !== 'string' || !/^[\x21-\x7e]{1,1024}$/.test(revision)) {
    problems.add('revision', revision, 'write the commit id of the source');
  }
  problems.throwIfAny();
  return revision as string;
}
