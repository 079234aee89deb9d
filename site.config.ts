import type { SiteConfig } from './lib/config.ts';

/** The one file to edit in a fork. Every option is described in `lib/config.ts` and `lib/options/`. */
export const config: SiteConfig = {
  name: 'atomic-site',

  // A push to this branch publishes. With GitHub, GitLab, Bitbucket or Azure DevOps instead:
  // source: {
  //   kind: 'connection',
  //   connectionArn: 'arn:aws:codeconnections:REGION:ACCOUNT:connection/ID',
  //   repository: 'owner/name',
  //   branch: 'main',
  //   paths: { include: ['site/**'] },
  // },
  // A zip that is uploaded: { kind: 's3', key: 'site.zip' }.
  source: { kind: 'codecommit', branch: 'main' },

  // A folder of finished HTML needs no commands: { kind: 'folder', directory: 'public' }.
  // A buildspec of your own: { kind: 'buildspec', file: 'buildspec.yml' }.
  // Settings for Vite, Astro, Next.js and others, and how to give a build variables: docs/builds.md
  build: {
    kind: 'commands',
    directory: 'site',
    commands: ['npm ci', 'npm run build'],
    output: 'dist',
    nodeVersion: 24,
    // install: 'auto' instead of 'npm ci' finds out whether it is npm, pnpm or yarn
    // environment: { ORIGIN: 'https://example.com', ID: { parameter: '/site/id' }, TOKEN: { secret: 'site/token' } },
    // cache: false, size: 'small', timeoutMinutes: 30,
  },

  // Only files with a content hash in their name.
  immutable: ['assets/*'],

  // The site's own names: docs/domain.md. With DNS elsewhere, certificateArn in place of hostedZoneId.
  // domain: { name: 'www.example.com', aliases: ['example.com'], hostedZoneId: 'Z0123456789ABCDEFGHIJ' },
  // rebaseShare: 1,
  // contentOnDestroy: 'retain',
  // gates: { massLoss: 0.5, links: 'report', maxFiles: 100_000, maxFileMegabytes: 1_000, maxTotalMegabytes: 10_000 },
  // health: { path: '/', deadlineSeconds: 120 },
  // retention: { newest: 10, days: 30 },
  // accessLogs: { days: 90, ipAddresses: false },
  // headers: { contentSecurityPolicy: "default-src 'self'; …", permissionsPolicy: 'camera=()', custom: { 'X-Team': 'web' } },
  // urls: { style: 'any', fallback: 'none' },
  // approval: true,
  // deploymentWindow: { cron: '* * 9-16 ? * MON-THU', timeZone: 'Europe/Berlin' },
  // environments: { staging: { source: { branch: 'develop' } } },
};
