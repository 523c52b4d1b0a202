// Where the functions run and what they reach from there: the cache's port, or EFS, and the endpoints of AWS's API
// that they ask. Nothing else: without an egress rule of its own a security group would reach everything.

const { placeOf, secretNames } = require("./parameters.cjs");

const httpsPort = 443;
const nfsPort = 2049;

/**
 * Gives `vpc` (null for functions in none), the resources that it takes, and `environment`: what the functions must
 * know of them.
 */
function network(stage, { vpc, files, variables }) {
  if (vpc.id === null) return { vpc: null, environment: {}, resources: {} };
  const { isCache, clusterId, defaultPort } = placeOf(variables.SESSION_STORE);
  const services = [
    ...(clusterId === undefined ? [] : ["elasticache"]),
    ...(secretNames(variables).length === 0 ? [] : ["ssm"]),
  ];
  const made = vpc.makeEndpoints ? services : [];
  const peers = [
    { name: "Cache", group: vpc.cacheSecurityGroup, port: vpc.cachePort ?? defaultPort, isThere: isCache },
    { name: "Files", group: files.securityGroup, port: nfsPort, isThere: !isCache },
    {
      name: "Endpoint",
      group: vpc.endpointSecurityGroup,
      port: httpsPort,
      isThere: vpc.endpointSecurityGroup !== null,
    },
  ].filter(({ isThere }) => isThere);
  return {
    vpc: { subnetIds: vpc.subnets, securityGroupIds: [functionGroup] },
    environment: Object.fromEntries(
      made.map((service) => [`AWS_ENDPOINT_URL_${service.toUpperCase()}`, urlOf(service)]),
    ),
    resources: {
      FunctionSecurityGroup: {
        Type: "AWS::EC2::SecurityGroup",
        Properties: {
          GroupDescription: `What the functions of inspectord-${stage} reach`,
          VpcId: vpc.id,
          SecurityGroupEgress: peers.map(({ name, group, port }) => ({
            Description: name,
            ...tcp(port),
            DestinationSecurityGroupId: group,
          })),
        },
      },
      ...Object.fromEntries(peers.map((peer) => [`${peer.name}AdmitsFunctions`, admission(stage, peer)])),
      ...(made.length === 0 ? {} : endpoints(stage, vpc, made)),
    },
  };
}

const functionGroup = { "Fn::GetAtt": ["FunctionSecurityGroup", "GroupId"] };
const endpointGroup = { "Fn::GetAtt": ["EndpointSecurityGroup", "GroupId"] };

function tcp(port) {
  return { IpProtocol: "tcp", FromPort: port, ToPort: port };
}

/** A rule in a security group that is there already. */
function admission(stage, { group, port }) {
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
 * Endpoints for these functions alone. Private DNS would bend the service's name for the whole VPC, and cut all others
 * there off from it: instead, the functions are told the endpoint's own name.
 */
function endpoints(stage, vpc, services) {
  return {
    EndpointSecurityGroup: {
      Type: "AWS::EC2::SecurityGroup",
      Properties: {
        GroupDescription: `Who reaches the endpoints of inspectord-${stage}`,
        VpcId: vpc.id,
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
    ...Object.fromEntries(services.map((service) => [endpointOf[service], endpoint(vpc, service)])),
  };
}

const endpointOf = { elasticache: "ElastiCacheEndpoint", ssm: "SsmEndpoint" };

function endpoint(vpc, service) {
  return {
    Type: "AWS::EC2::VPCEndpoint",
    Properties: {
      VpcEndpointType: "Interface",
      ServiceName: { "Fn::Sub": `com.amazonaws.\${AWS::Region}.${service}` },
      VpcId: vpc.id,
      SubnetIds: vpc.subnets,
      SecurityGroupIds: [endpointGroup],
      PrivateDnsEnabled: false,
    },
  };
}

/** The first of the endpoint's names, each "ZONE:NAME", is that of all its subnets together. */
function urlOf(service) {
  const first = { "Fn::Select": [0, { "Fn::GetAtt": [endpointOf[service], "DnsEntries"] }] };
  return { "Fn::Join": ["", ["https://", { "Fn::Select": [1, { "Fn::Split": [":", first] }] }]] };
}

module.exports = { network };
