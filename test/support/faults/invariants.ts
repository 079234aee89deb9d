/** What is held, as `npm run faults` prints it; docs/faults.md says which half looks. `judge.ts`, `enumerate.ts` and `real-cases.ts` do. */
export const HELD = [
  'After every call that changes something, every path of the live release, by the shipped router, is an object with the bytes of its manifest; so is every path of every release that has not ended.',
  'A job of the pipeline gets exactly one result, within its deadline, and the process ends by itself: it may say the same again, never something else. Without a result: only a process that was killed, or a result that CodePipeline never took.',
  'A failure names what broke and what AWS called it, and says what visitors get; what it says of the live release is so at that moment, and after late requests have arrived.',
  'A frozen site stays as it is, and what comes late leaves the live release alone.',
  'Each event is told by one complete mail, or the function throws; a second mail comes only of a second event, or of an answer of SNS that was lost.',
  'The same event again changes nothing that was reported as done.',
  'A retry of what failed succeeds, and ends where the first run should have.',
  'The next push goes live.',
  'A clean-up on the next day leaves exactly the files that kept releases need, and no upload without an end.',
] as const;
