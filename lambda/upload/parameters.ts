import { readExecution } from '../shared/execution.ts';
import {
  ParameterProblems,
  readParameters,
  resolveIt,
  unresolvedVariable,
} from '../shared/parameters.ts';

export interface UploadParameters {
  /** A commit id, or the version id of an S3 object. */
  readonly revision: string;
  /** The pipeline execution's id, for the ledger; missing in a pipeline that does not tell it. */
  readonly execution: string | undefined;
}

/**
 * What the action names.
 *
 * @throws Failure (ConfigurationError) that names everything wrong at once.
 */
export function readUploadParameters(text: string | undefined, visitors: string): UploadParameters {
  const problems = new ParameterProblems('{"revision": "#{Source.CommitId}"}', visitors);
  const fields = readParameters(text, ['revision', 'execution'], problems);
  const { revision } = fields;
  const variable = typeof revision === 'string' && unresolvedVariable(revision);
  if (variable) {
    problems.add('revision', revision, resolveIt(variable));
  } else if (typeof revision !== 'string' || !/^[\x21-\x7e]{1,1024}$/.test(revision)) {
    problems.add('revision', revision, 'write the commit id of the source');
  }
  const execution = readExecution(fields.execution, problems);
  problems.throwIfAny();
  return { revision: revision as string, execution };
}
