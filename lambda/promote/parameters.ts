import { RELEASE_ID } from '../../lib/release/contract.ts';
import { readExecution } from '../shared/execution.ts';
import {
  ParameterProblems,
  readParameters,
  resolveIt,
  unresolvedVariable,
} from '../shared/parameters.ts';

export interface PromoteParameters {
  readonly releaseId: string;
  /** The pipeline execution's id, for the ledger; missing in a pipeline that does not tell it. */
  readonly execution: string | undefined;
}

/** @throws Failure (ConfigurationError) that names everything wrong at once. */
export function readPromoteParameters(
  text: string | undefined,
  visitors: string,
): PromoteParameters {
  const problems = new ParameterProblems('{"releaseId": "#{Upload.releaseId}"}', visitors);
  const fields = readParameters(text, ['releaseId', 'execution'], problems);
  const { releaseId } = fields;
  const variable = typeof releaseId === 'string' && unresolvedVariable(releaseId);
  if (variable) {
    problems.add('releaseId', releaseId, resolveIt(variable));
  } else if (typeof releaseId !== 'string' || !RELEASE_ID.test(releaseId)) {
    problems.add(
      'releaseId',
      releaseId,
      'write the id of a release, such as "20261123T061500Z-1a2b3c4"',
    );
  }
  const execution = readExecution(fields.execution, problems);
  problems.throwIfAny();
  return { releaseId: releaseId as string, execution };
}
