import { expect, test } from 'vitest';
import {
  resolveVariables,
  variableReferences,
  variablesSize,
} from '../../local/pipeline/variables.ts';

const scope = new Map<string, Record<string, string>>([
  ['codepipeline', { PipelineExecutionId: 'e-1' }],
  ['Source', { CommitId: 'abc', CommitMessage: 'say "hi"', Nested: '#{Source.CommitId}' }],
]);

test.each([
  ['plain text', 'plain text'],
  ['#{codepipeline.PipelineExecutionId}', 'e-1'],
  [
    '{"commit":"#{Source.CommitId}","again":"#{Source.CommitId}"}',
    '{"commit":"abc","again":"abc"}',
  ],
  ['a shell $VARIABLE, {braces} and a #hash', 'a shell $VARIABLE, {braces} and a #hash'],
])('variables are filled in as text: %s', (text, resolved) => {
  expect(resolveVariables(text, scope)).toBe(resolved);
});

test('a value is not looked through for further variables', () => {
  expect(resolveVariables('#{Source.Nested}', scope)).toBe('#{Source.CommitId}');
});

test('a quote in a commit message breaks the JSON it is put into, as it would in AWS', () => {
  const resolved = resolveVariables('{"message":"#{Source.CommitMessage}"}', scope);
  expect(() => JSON.parse(resolved)).toThrow();
});

test('every unknown variable is named, with those that are known', () => {
  expect(() => resolveVariables('#{Source.Nope} #{Build.X} #{Source.toString}', scope)).toThrow(
    'no earlier action has produced #{Source.Nope}, #{Build.X}, #{Source.toString}; ' +
      'known here: #{codepipeline.PipelineExecutionId}, #{Source.CommitId}, ' +
      '#{Source.CommitMessage}, #{Source.Nested}',
  );
});

test.each([
  ['#{A.b} #{A.c} #{B.d}', { namespaces: ['A', 'B'], malformed: [] }],
  ['#{nodot} #{A.b.c} #{}', { namespaces: [], malformed: ['#{nodot}', '#{A.b.c}', '#{}'] }],
])('references are told from mistakes: %s', (text, references) => {
  expect(variableReferences(text)).toEqual(references);
});

test('variables are counted in bytes, keys included', () => {
  expect(variablesSize({ ab: 'é', c: '' })).toBe(5);
});
