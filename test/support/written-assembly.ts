import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What `cdk synth` writes for an app of these stacks, all with the same template. */
export function written(template: object, names = ['shop']): string {
  const directory = mkdtempSync(join(tmpdir(), 'assembly-'));
  const artifacts = names.map((name) => [
    name,
    {
      type: 'aws:cloudformation:stack',
      environment: 'aws://unknown-account/eu-west-1',
      properties: { templateFile: `${name}.template.json` },
    },
  ]);
  const manifest = { artifacts: Object.fromEntries(artifacts) };
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify(manifest));
  for (const name of names) {
    writeFileSync(join(directory, `${name}.template.json`), JSON.stringify(template));
  }
  return directory;
}
