// Where the functions run and what they reach from there: the cache's or the database's port, or EFS, and the endpoints of AWS's APIs that they
// ask. Nothing else: a security group without an egress rule of its own would reach everything.

import { attributeOf, type Resource, type Resources, sub, type Value } from "./cloudformation.ts";
import { type Parameters, secretNames } from "./parameters.ts";

interface Network {
  /** The functions' VpcConfig, or null for functions in no VPC. */
  readonly vpc: { readonly subnetIds: readonly string[]; readonly securityGroupIds: readonly Value[] } | null;
  /** What the functions must know of the endpoints. */
  readonly environment: Readonly<Record<string, Value>>;
  readonly resources: Resources;
}

/** Something that the functions connect to, in a security group that is there already. */
interface Peer {
  /** The logical id of the rule that admits the functions. */
  readonly id: string;
  readonly name: "Cache" | "Database" | "Files" | "Endpoint" | "Store";
  readonly group: string;
  readonly port: number;
}

type Service = "elasticache" | "ssm";

const httpsPort = 443;
const nfsPort = 2049;
const memcachedPort = 11211;
const redisPort = 6379;
const functionGroup = attributeOf("FunctionSecurityGroup", "GroupId");
const endpointGroup = attributeOf("EndpointSecurityGroup", "GroupId");
const endpointOf = { elasticache: "ElastiCacheEndpoint", ssm: "SsmEndpoint" } as const;

export function network(stage: string, parameters: Parameters): Network {
  const { vpc, database, files, custom, variables, store } = parameters;
  if (vpc.id === null || vpc.subnets === null) return { vpc: null, environment: {}, resources: {} };
  const services: Service[] = [];
  if (store.kind === "elasticache") services.push("elasticache");
  if (secretNames(variables).length > 0) services.push("ssm");
  const created = vpc.makeEndpoints ? services : [];

  const peers: Peer[] = [];
  const add = (id: string, name: Peer["name"], group: string | null, port: number) => {
    if (group !== null) peers.push({ id, name, group, port });
  };
  for (const port of cachePorts(store, vpc.cachePort)) {
    // A rule keeps its id when another port comes or goes: CloudFormation would else create it a second time.
    const isUsual = port === (store.kind === "redis" ? redisPort : memcachedPort);
    add(`CacheAdmitsFunctions${isUsual ? "" : `On${port}`}`, "Cache", vpc.cacheSecurityGroup, port);
  }
  if (store.kind === "sql") add("DatabaseAdmitsFunctions", "Database", database.securityGroup, store.port);
  if (store.kind === "custom") add("StoreAdmitsFunctions", "Store", custom.securityGroup, custom.port);
  add("FilesAdmitsFunctions", "Files", files.securityGroup, nfsPort);
  add("EndpointAdmitsFunctions", "Endpoint", vpc.endpointSecurityGroup, httpsPort);

  return {
    vpc: { subnetIds: vpc.subnets, securityGroupIds: [functionGroup] },
    environment: Object.fromEntries(
      created.map((service) => [`AWS_ENDPOINT_URL_${service.toUpperCase()}`, urlOf(service)]),
    ),
    resources: {
      FunctionSecurityGroup: {
        Type: "AWS::EC2::SecurityGroup",
        Properties: {
          GroupDescription: `What the functions of inspectord-${stage} reach`,
          VpcId: vpc.id,
          SecurityGroupEgress: [
            ...peers.map(({ name, group, port }) => ({
              Description: name,
              ...tcp(port),
              DestinationSecurityGroupId: group,
            })),
            // Addresses of others, which no security group here stands for: through NAT or a peering.
            ...(custom.cidr === null
              ? []
              : [{ Description: "Store", ...tcp(custom.port), CidrIp: custom.cidr }]),
          ],
        },
      },
      ...Object.fromEntries(peers.map((peer) => [peer.id, admission(stage, peer)])),
      ...(created.length === 0 ? {} : endpoints(stage, vpc.id, vpc.endpointSubnets ?? vpc.subnets, created)),
    },
  };
}

/** Returns the ports of the store's nodes. Those of elasticache:// are found while the function runs: all have one. */
function cachePorts(store: Parameters["store"], cachePort: number | null): number[] {
  const further = cachePort === null ? [] : [cachePort];
  switch (store.kind) {
    case "memcached":
    case "redis":
      return [...new Set([...store.nodes.map(({ port }) => port), ...further])].toSorted((a, b) => a - b);
    case "elasticache":
      return [cachePort ?? memcachedPort];
    default:
      return [];
  }
}

function tcp(port: number) {
  return { IpProtocol: "tcp", FromPort: port, ToPort: port };
}

/** A rule in a security group that is there already. */
function admission(stage: string, { group, port }: Peer): Resource {
  return {
    Type: "AWS::EC2::SecurityGroupIngress",
    Properties: {
      Description: `The functions of inspectord-${stage}`,
      GroupId: group,
      ...tcp(port),
      SourceSecurityGroupId: functionGroup,
    },
  };
}

/**
 * Endpoints for these functions alone. Private DNS would change what the service's name means in the whole VPC, and cut off
 * everybody else there: instead, the functions are told the endpoint's own name.
 */
function endpoints(
  stage: string,
  vpcId: string,
  subnets: readonly string[],
  services: readonly Service[],
): Resources {
  const endpoint = (service: Service): Resource => ({
    Type: "AWS::EC2::VPCEndpoint",
    Properties: {
      VpcEndpointType: "Interface",
      ServiceName: sub(`com.amazonaws.\${AWS::Region}.${service}`),
      VpcId: vpcId,
      SubnetIds: subnets,
      SecurityGroupIds: [endpointGroup],
      PrivateDnsEnabled: false,
    },
  });
  return {
    EndpointSecurityGroup: {
      Type: "AWS::EC2::SecurityGroup",
      Properties: {
        GroupDescription: `Who reaches the endpoints of inspectord-${stage}`,
        VpcId: vpcId,
        SecurityGroupIngress: [
          { Description: "The functions", ...tcp(httpsPort), SourceSecurityGroupId: functionGroup },
        ],
        // An endpoint only answers. With no rule here the group would be given one that reaches everything.
        SecurityGroupEgress: [{ Description: "Nothing", IpProtocol: "-1", CidrIp: "127.0.0.1/32" }],
      },
    },
    FunctionsReachEndpoints: {
      Type: "AWS::EC2::SecurityGroupEgress",
      Properties: {
        Description: "Endpoints",
        GroupId: functionGroup,
        ...tcp(httpsPort),
        DestinationSecurityGroupId: endpointGroup,
      },
    },
    ...Object.fromEntries(services.map((service) => [endpointOf[service], endpoint(service)])),
  };
}

/** The first of the endpoint's names, each "ZONE:NAME", is that of all its subnets together. */
function urlOf(service: Service): Value {
  const first = { "Fn::Select": [0, attributeOf(endpointOf[service], "DnsEntries")] };
  return { "Fn::Join": ["", ["https://", { "Fn::Select": [1, { "Fn::Split": [":", first] }] }]] };
}
