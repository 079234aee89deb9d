import { Command, CommanderError } from 'commander';
import { distance } from 'fastest-levenshtein';
import { UsageError } from './errors.ts';

/** What to do, as it was typed: ids are not looked up yet. */
export type Request =
  | { readonly command: 'list'; readonly all: boolean }
  | { readonly command: 'show'; readonly id: string }
  | { readonly command: 'diff'; readonly from: string; readonly to: string }
  | { readonly command: 'promote'; readonly id: string; readonly evenFrozen: boolean }
  | {
      readonly command: 'rollback';
      readonly id: string | undefined;
      readonly freeze: string | undefined;
    }
  | { readonly command: 'freeze'; readonly reason: string }
  | { readonly command: 'unfreeze'; readonly promote: boolean }
  | { readonly command: 'pin' | 'unpin'; readonly id: string }
  | { readonly command: 'approve'; readonly comment: string }
  | { readonly command: 'reject'; readonly reason: string }
  | { readonly command: 'prune'; readonly dryRun: boolean };

/** Where the stack is. */
export interface Place {
  /** The stack of `npm start` instead of one on AWS. */
  readonly local: boolean;
  readonly state: string | undefined;
  readonly stack: string | undefined;
  /** The name of an environment, instead of its stack's. */
  readonly environment: string | undefined;
  readonly region: string | undefined;
  readonly profile: string | undefined;
}

export interface Arguments {
  readonly request: Request;
  readonly place: Place;
  readonly json: boolean;
  readonly yes: boolean;
}

/** Whether it changes what visitors get, or deletes, so that a person has to agree. */
export const needsConsent = (request: Request): boolean =>
  request.command === 'promote' ||
  request.command === 'rollback' ||
  request.command === 'approve' ||
  (request.command === 'unfreeze' && request.promote) ||
  (request.command === 'prune' && !request.dryRun);

const PROGRAM = 'npm run releases --';

const ABOUT = `Lists releases and says which one is live: on AWS, or with --local in the stack of "npm start".`;

const NOTES = `
ID is a release's id, "live", "previous", or a part that only one release has, such as 9b51740.
Ended ones count only where no other release has that part.

On AWS the stack is found by its name, with the credentials that the AWS SDK finds: environment,
profile, SSO. promote, rollback, approve, unfreeze --promote and prune ask before they act; --yes answers.

--json writes one JSON document to standard output; everything else goes to standard error. An
error writes no document: its text is on standard error. docs/operating.md says what is in it.

Words behind another -- are no options: freeze -- -v is broken

Exit status:
  0  done
  1  refused, or failed; the message says what was changed
  2  not understood: an argument, an unknown id, or no terminal to ask and no --yes
`;

const ID = 'write the id of a release, a part of it, live or previous';
const REASON = 'write why, for whoever pushes meanwhile';

/**
 * Understands the words after `npm run releases --`, or answers with the help that they ask for.
 *
 * @param environment the process's: npm leaves there what it took for its own options
 * @throws UsageError that names every mistake at once
 */
export function readArguments(
  words: readonly string[],
  environment: Environment = {},
): Arguments | { readonly help: string } {
  // Commander forgets where the second `--` stood once it has found the command.
  const end = words.indexOf('--');
  const options = end < 0 ? words : words.slice(0, end);
  const literal = end < 0 ? [] : words.slice(end + 1);
  let read: Arguments | undefined;
  let printed = '';
  const program = programFor(
    (result) => {
      read = result;
    },
    (text) => {
      printed += text;
    },
    literal,
  );
  refuseIfTakenByNpm(program, words, environment);
  try {
    program.parse(options, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { help: printed };
    throw new UsageError(
      error.code === 'commander.help'
        ? printed.trimEnd()
        : `${error.message.replace(/^error: /, '').trim()}\nSee ${PROGRAM} --help`,
    );
  }
  if (read === undefined) throw new Error('commander: neither a command nor an error');
  return read;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Often set for npm itself, in .npmrc or in CI. Without them the command does no more than was asked. */
const OFTEN_FOR_NPM = ['--json', '--yes'];

/**
 * Without the `--`, npm takes the options for its own and hands on the other words: a dry run would not be one. All
 * that is left of an option then is a variable of its name. Of `--local` not even that, which npm takes for the
 * beginning of its `--local-address`: that is why every question names the site.
 */
function refuseIfTakenByNpm(
  program: Command,
  words: readonly string[],
  environment: Environment,
): void {
  if (environment.npm_lifecycle_event !== 'releases') return;
  const options = [program, ...program.commands].flatMap((command) => command.options);
  const taken = options.filter(({ long }) => {
    const option = String(long);
    const value = environment[`npm_config_${option.slice(2).replaceAll('-', '_')}`];
    const isSet = value !== undefined && value !== '' && value !== 'false';
    return isSet && !words.includes(option) && !OFTEN_FOR_NPM.includes(option);
  });
  if (taken.length === 0) return;
  const names = taken.map(({ long }) => long).join(', ');
  const [command = 'COMMAND'] = words;
  const right = [PROGRAM, command, '…', ...taken.map(({ flags }) => flags)].join(' ');
  throw new UsageError(
    `npm run releases: ${names}: npm took that for itself; write -- before the options: ${right}\nNothing was done.`,
  );
}

/** What is typed besides the options of all commands. */
interface Shape {
  /** As the help shows it. */
  readonly operands: string;
  readonly about: string;
  readonly options?: readonly (readonly [flags: string, about: string])[];
  read(operands: Operands, options: Record<string, unknown>): Request;
}

const SHAPES: Readonly<Record<Request['command'], Shape>> = {
  list: {
    operands: '',
    about: 'every release that can go live, newest first',
    options: [['--all', 'retired and abandoned ones too']],
    read: (_, { all }) => ({ command: 'list', all: all === true }),
  },
  show: {
    operands: 'ID',
    about: 'everything that is known of a release',
    read: (operands) => ({ command: 'show', id: operands.id('ID') }),
  },
  diff: {
    operands: 'A B',
    about: 'which files release B adds, removes and changes, compared with A',
    read: (operands) => ({ command: 'diff', from: operands.id('A'), to: operands.id('B') }),
  },
  promote: {
    operands: 'ID',
    about: 'make a release live',
    options: [['--even-frozen', 'although publishing is frozen; it stays frozen']],
    read: (operands, { evenFrozen }) => ({
      command: 'promote',
      id: operands.id('ID'),
      evenFrozen: evenFrozen === true,
    }),
  },
  rollback: {
    operands: '[ID]',
    about:
      'go back to the release before the live one, never to a newer one, or to ID; frozen or not',
    options: [['--freeze <reason>', 'and freeze publishing in the same step']],
    read: (operands, { freeze }) => ({
      command: 'rollback',
      id: operands.optionalId('ID'),
      freeze: freeze === undefined ? undefined : operands.checkedReason('--freeze', String(freeze)),
    }),
  },
  freeze: {
    operands: 'REASON',
    about: 'let no release go live until "unfreeze"; pushes are built and kept',
    read: (operands) => ({ command: 'freeze', reason: operands.reason() }),
  },
  unfreeze: {
    operands: '',
    about: 'let releases go live again',
    options: [['--promote', 'and make the newest one live that was kept meanwhile']],
    read: (_, { promote }) => ({ command: 'unfreeze', promote: promote === true }),
  },
  pin: {
    operands: 'ID',
    about: 'keep a release whatever its age',
    read: (operands) => ({ command: 'pin', id: operands.id('ID') }),
  },
  unpin: {
    operands: 'ID',
    about: 'keep it no longer than others',
    read: (operands) => ({ command: 'unpin', id: operands.id('ID') }),
  },
  approve: {
    operands: '[COMMENT]',
    about: 'let the release go live that waits for an approval',
    read: (operands) => ({ command: 'approve', comment: operands.comment('COMMENT') }),
  },
  reject: {
    operands: 'REASON',
    about: 'keep it from going live',
    read: (operands) => ({
      command: 'reject',
      reason: operands.comment('REASON', operands.reason()),
    }),
  },
  prune: {
    operands: '',
    about: 'delete the releases that "retention" in site.config.ts does not keep',
    options: [['--dry-run', 'say what would be deleted, and delete nothing']],
    read: (_, { dryRun }) => ({ command: 'prune', dryRun: dryRun === true }),
  },
};

function programFor(
  done: (result: Arguments) => void,
  print: (text: string) => void,
  literal: readonly string[],
): Command {
  const program = new Command(PROGRAM)
    .usage('COMMAND [options]')
    .description(ABOUT)
    .option('--local', 'the stack of "npm start" on this machine; needs no AWS account')
    .option('--state <dir>', 'with --local: the folder that "npm start" runs on (default: its own)')
    .option('--stack <name>', 'the stack (default: "name" in site.config.ts)')
    .option('--environment <name>', 'an environment of site.config.ts (default: production)')
    .option('--region <region>', 'its Region (default: AWS_REGION, or the profile)')
    .option('--profile <name>', 'a profile of the AWS configuration (default: AWS_PROFILE)')
    .option('--json', 'one JSON document instead of text')
    .option('--yes', 'do not ask')
    .helpOption('--help', 'this text; after a command, more about it')
    .helpCommand(false)
    .configureHelp({
      showGlobalOptions: true,
      subcommandTerm: (command) => `${command.name()} ${operandsOf(command.name())}`.trim(),
    })
    .configureOutput({ writeOut: print, writeErr: print })
    .addHelpText('after', NOTES)
    .exitOverride();

  for (const [name, { operands, about, options = [], read }] of Object.entries(SHAPES)) {
    const command = program
      .command(name)
      .usage(`${operands} [options]`.trim())
      .description(about)
      // Collected by `Operands` instead, so that all mistakes are told together.
      .allowUnknownOption()
      .allowExcessArguments();
    for (const [flags, text] of options) command.option(flags, text);
    command.action(() => {
      const given = command.optsWithGlobals();
      const known = [...program.options, ...command.options].map(({ long }) => String(long));
      const typed = new Operands(command.args, literal, known);
      const request = read(typed, given);
      typed.end(operands);
      const place = placeFrom(given, typed);
      typed.throwIfAny(name);
      done({ request, place, json: given.json === true, yes: given.yes === true });
    });
  }
  return program;
}

const operandsOf = (name: string): string =>
  name in SHAPES ? SHAPES[name as Request['command']].operands : '';

const REGION = /^[a-z]{2,}(-[a-z]+)+-\d{1,2}$/;
const STACK = /^[A-Za-z][A-Za-z0-9-]{0,127}$/;

function placeFrom(given: Record<string, unknown>, typed: Operands): Place {
  const { local, state, stack, environment, region, profile } = given as Record<
    string,
    string | undefined
  >;
  const check = (option: string, value: string | undefined, pattern: RegExp, instead: string) => {
    if (value !== undefined && !pattern.test(value)) typed.problem(option, value, instead);
  };
  check('--stack', stack, STACK, 'write the name of a stack: letters, digits and hyphens');
  if (stack !== undefined && environment !== undefined) {
    typed.problem('--environment', environment, 'leave it out: --stack names the stack already');
  }
  if (local) {
    const none = 'leave it out: --local asks nobody on AWS';
    if (region !== undefined) typed.problem('--region', region, none);
    if (profile !== undefined) typed.problem('--profile', profile, none);
    check('--state', state, /\S/, 'write a folder, such as .local');
  } else {
    check('--region', region, REGION, 'write a Region, such as eu-central-1');
    check('--profile', profile, /\S/, 'write the name of a profile');
    if (state !== undefined) typed.problem('--state', state, 'it belongs to --local: add that');
  }
  return { local: Boolean(local), state, stack, environment, region, profile };
}

/** The words of a command that are no options of it, and what is wrong with them. */
class Operands {
  readonly #words: string[];
  readonly #problems: string[] = [];
  readonly #guessing: boolean;

  constructor(words: readonly string[], literal: readonly string[], known: readonly string[]) {
    const isOption = (word: string) => /^-./.test(word);
    this.#words = [...words.filter((word) => !isOption(word)), ...literal];
    const unknown = words.filter(isOption);
    // Whether the word behind an unknown option is its value, nobody knows.
    this.#guessing = unknown.length > 0;
    for (const word of unknown) {
      const name = word.replace(/=.*$/s, '');
      const [nearest] = known
        .map((option) => ({ option, far: distance(name, option) }))
        .sort((a, b) => a.far - b.far);
      const hint = nearest && nearest.far <= 2 ? `did you mean ${nearest.option}?` : 'see --help';
      this.#problems.push(`${name}: no such option; ${hint}`);
    }
  }

  problem(place: string, got: string | undefined, instead: string): void {
    const shown = got === undefined ? 'nothing' : JSON.stringify(got);
    this.#problems.push(`${place}: got ${shown}; ${instead}`);
  }

  id(place: string): string {
    const word = this.optionalId(place);
    if (word === undefined && !this.#guessing) this.problem(place, undefined, ID);
    return word ?? '';
  }

  optionalId(place: string): string | undefined {
    const word = this.#words.shift();
    if (word !== undefined && !/^[0-9A-Za-z-]{1,40}$/.test(word)) this.problem(place, word, ID);
    return word;
  }

  /** All words that are left: nobody minds missing quotes. */
  reason(): string {
    const words = this.#words.splice(0).join(' ');
    return this.#guessing ? words : this.checkedReason('REASON', words);
  }

  /** As long as CodePipeline takes it. */
  comment(place: string, text = this.#words.splice(0).join(' ').trim()): string {
    if (text.length > 512) {
      this.problem(
        place,
        `${text.slice(0, 20)}…`,
        `write up to 512 characters, not ${text.length}`,
      );
    }
    return text;
  }

  checkedReason(place: string, text: string): string {
    if (text.trim() === '') this.problem(place, text || undefined, REASON);
    return text.trim();
  }

  end(operands: string): void {
    if (this.#guessing) return;
    const takes = operands === '' ? 'it takes no word there' : `it takes ${operands}`;
    for (const word of this.#words) this.problem('too many words', word, `leave it out, ${takes}`);
  }

  throwIfAny(name: string): void {
    if (this.#problems.length === 0) return;
    const lines = this.#problems.map((problem) => `  - ${problem}`);
    const help = `See ${PROGRAM} ${name} --help`;
    throw new UsageError([`${PROGRAM} ${name}:`, ...lines, help].join('\n'));
  }
}
