/** Filled in by the build: the same value as in the page's `<meta name="build">`. */
declare const BUILD: string;

document.documentElement.dataset.build = BUILD;

const button = document.querySelector<HTMLButtonElement>('#show-release');
const output = document.querySelector<HTMLOutputElement>('#release');

if (button && output) {
  // Without this script the button would do nothing, so the page comes with it hidden.
  button.hidden = false;
  button.addEventListener('click', async () => {
    // Not `disabled`: that would take the focus away from somebody who uses the keyboard.
    button.setAttribute('aria-busy', 'true');
    try {
      // A chunk of its own, found at its hashed address even after other releases went live.
      const { describeRelease } = await import('./release-info.ts');
      output.replaceChildren(await describeRelease(BUILD));
    } catch {
      output.replaceChildren('The script that asks could not be loaded. Are you offline?');
    } finally {
      button.removeAttribute('aria-busy');
    }
  });
}
