import {
  Function as EdgeFunction,
  FunctionCode,
  FunctionRuntime,
  KeyValueStore,
} from 'aws-cdk-lib/aws-cloudfront';
import { Construct } from 'constructs';
import type { ResolvedConfig } from '../config.ts';
import { routerCode } from './edge/code.ts';

export interface RouterProps {
  readonly config: ResolvedConfig;
}

/** The function at the edge that leads every address into the live release, and the store that names it. */
export class Router extends Construct {
  /**
   * Holds the pointer to the live release. Never seeded from here: an import source cannot be
   * updated, and a deployment must not move the pointer (AWS::CloudFront::KeyValueStore).
   */
  readonly keyValueStore: KeyValueStore;
  readonly viewerRequest: EdgeFunction;

  constructor(scope: Construct, id: string, { config }: RouterProps) {
    super(scope, id);
    this.keyValueStore = new KeyValueStore(this, 'KeyValueStore', {
      comment: `${config.name}: which release is live`,
    });
    this.viewerRequest = new EdgeFunction(this, 'ViewerRequest', {
      comment: `${config.name}: leads every address into the live release`,
      code: FunctionCode.fromInline(routerCode(config)),
      runtime: FunctionRuntime.JS_2_0,
      keyValueStore: this.keyValueStore,
    });
  }
}
