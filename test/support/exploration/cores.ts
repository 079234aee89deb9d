/**
 * What runs in an exploration: the functions' own code and the ports that they ship with. Also the entry of the bundles in
 * which a safeguard is missing.
 */
export { promotePorts } from '../../../lambda/promote/ports.ts';
export { follow, goLive, Journal, promote } from '../../../lambda/promote/promote.ts';
export { prunePorts } from '../../../lambda/prune/ports.ts';
export { PruneRefused, prune } from '../../../lambda/prune/prune.ts';
export { ledgerIn, recordsIn } from '../../../lambda/shared/content-bucket.ts';
export { Failure } from '../../../lambda/shared/failure.ts';
export { freeze, unfreeze } from '../../../lambda/shared/freeze.ts';
export { keyValueStore } from '../../../lambda/shared/key-value-store.ts';
export { changeEntry, withPin } from '../../../lambda/shared/ledger.ts';
export { manifestOf } from '../../../lambda/shared/manifest.ts';
export { uploadPorts } from '../../../lambda/upload/ports.ts';
export { upload } from '../../../lambda/upload/upload.ts';
