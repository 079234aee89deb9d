import type { Assembly } from '../assembly/assembly.ts';
import type { EdgeInput, Properties } from './types.ts';

/** The template's one distribution, its policies and its functions, as the edge takes them. */
export function edgeResources(
  assembly: Assembly,
): Pick<EdgeInput, 'distribution' | 'cachePolicies' | 'responseHeadersPolicies' | 'functions'> {
  const { logicalId, ref, attributes, properties } = assembly.theOnly(
    'AWS::CloudFront::Distribution',
  );
  const propertiesOf = (type: string): Map<string, Properties> =>
    new Map(assembly.ofType(type).map((resource) => [resource.ref, resource.properties]));
  return {
    distribution: { logicalId, id: ref, domainName: String(attributes.DomainName), properties },
    cachePolicies: propertiesOf('AWS::CloudFront::CachePolicy'),
    responseHeadersPolicies: propertiesOf('AWS::CloudFront::ResponseHeadersPolicy'),
    functions: new Map(
      assembly.ofType('AWS::CloudFront::Function').map((resource) => [resource.ref, resource]),
    ),
  };
}
