import type { ParameterProblems } from './parameters.ts';

/** The pipeline execution in an action's user parameters, which they may leave out. */
export function readExecution(value: unknown, problems: ParameterProblems): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && /^[\w-]{1,100}$/.test(value)) return value;
  problems.add('execution', value, 'write "#{codepipeline.PipelineExecutionId}", or leave it out');
  return undefined;
}

/** How the ledger calls whoever did something in a pipeline. */
export const byExecution = (execution: string | undefined): string =>
  execution === undefined ? 'the pipeline' : `pipeline execution ${execution}`;
