// What moto holds of a stage: read by AWS's own clients, as an operator would look at it.

import {
  ApiGatewayV2Client,
  GetApisCommand,
  GetRoutesCommand,
  GetStagesCommand,
  type Route,
  type Stage,
} from "@aws-sdk/client-apigatewayv2";
import {
  CloudFormationClient,
  DescribeStacksCommand,
  ListStackResourcesCommand,
} from "@aws-sdk/client-cloudformation";
import {
  CloudWatchLogsClient,
  DescribeLogGroupsCommand,
  DescribeMetricFiltersCommand,
  type LogGroup,
  type MetricFilter,
} from "@aws-sdk/client-cloudwatch-logs";
import {
  GetPolicyCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  IAMClient,
} from "@aws-sdk/client-iam";
import {
  type FunctionConfiguration,
  GetFunctionCommand,
  GetPolicyCommand as GetFunctionPolicyCommand,
  LambdaClient,
} from "@aws-sdk/client-lambda";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import type { Statement } from "./iam.ts";
import type { Alarm, Moto } from "./moto.ts";

export interface Holdings {
  readonly apiId: string;
  readonly routes: readonly Route[];
  readonly apiStage: Stage;
  readonly functions: Readonly<Record<"auth" | "sessions" | "logins", HeldFunction>>;
  readonly logGroups: readonly LogGroup[];
  readonly metricFilters: readonly MetricFilter[];
  readonly alarms: readonly Alarm[];
  readonly dashboard: { readonly widgets: readonly Widget[] };
  /** Of every role and every policy of the stack, with the name of its resource. */
  readonly statements: readonly (readonly [name: string, statement: Statement])[];
  /** The ARN of the policy that bounds each role; "" of one that nothing bounds. */
  readonly boundaries: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
  readonly canary: { readonly schedule: string; readonly input: string } | undefined;
}

export interface HeldFunction {
  readonly configuration: FunctionConfiguration;
  /** The zip that was uploaded. */
  readonly zip: Uint8Array;
  readonly reservedConcurrency: number | undefined;
  readonly callers: readonly Statement[];
}

interface Widget {
  readonly x: number;
  readonly width: number;
  readonly properties: {
    readonly title: string;
    readonly region: string;
    readonly metrics: readonly unknown[];
  };
}

export class Aws {
  readonly #config: {
    region: string;
    endpoint: string;
    credentials: { accessKeyId: string; secretAccessKey: string };
  };

  readonly #moto: Moto;

  constructor(moto: Moto) {
    const { url, region } = moto;
    const credentials = { accessKeyId: "AKIAOFTHETESTS000000", secretAccessKey: "none" };
    this.#moto = moto;
    this.#config = { region, endpoint: url, credentials };
  }

  /** Returns the names of the stacks that there are. */
  async stacks(): Promise<string[]> {
    const { Stacks = [] } = await new CloudFormationClient(this.#config).send(new DescribeStacksCommand());
    return Stacks.map(({ StackName = "" }) => StackName);
  }

  /** Returns how many logins a second the stage takes. */
  async loginsPerSecond(stage: string): Promise<number | undefined> {
    const { apiStage } = await this.holdings(stage);
    return apiStage.DefaultRouteSettings?.ThrottlingRateLimit;
  }

  async holdings(stage: string): Promise<Holdings> {
    const name = `inspectord-${stage}`;
    const gateway = new ApiGatewayV2Client(this.#config);
    const { Items: apis = [] } = await gateway.send(new GetApisCommand());
    const ApiId = apis.find(({ Name }) => Name === name)?.ApiId ?? "";
    const { Items: routes = [] } = await gateway.send(new GetRoutesCommand({ ApiId }));
    const { Items: [apiStage = { StageName: undefined }] = [] } = await gateway.send(
      new GetStagesCommand({ ApiId }),
    );
    const logs = new CloudWatchLogsClient(this.#config);
    const { logGroups = [] } = await logs.send(new DescribeLogGroupsCommand());
    const { metricFilters = [] } = await logs.send(new DescribeMetricFiltersCommand());
    const { alarms, dashboards, rules } = await this.#moto.watch();
    const stacks = new CloudFormationClient(this.#config);
    const { Stacks: [stack] = [] } = await stacks.send(new DescribeStacksCommand({ StackName: name }));
    const outputs = (stack?.Outputs ?? []).map(({ OutputKey = "", OutputValue = "" }) => [
      OutputKey,
      OutputValue,
    ]);
    const bucket = Object.fromEntries(outputs)["ServerlessDeploymentBucketName"] ?? "";
    return {
      apiId: ApiId,
      routes,
      apiStage,
      functions: {
        auth: await this.#function(`${name}-auth`, bucket),
        sessions: await this.#function(`${name}-sessions`, bucket),
        logins: await this.#function(`${name}-logins`, bucket),
      },
      logGroups: logGroups.filter(({ logGroupName = "" }) =>
        new RegExp(`/${name}(?:-|$)`).test(logGroupName),
      ),
      metricFilters: metricFilters.filter(({ filterName = "" }) => filterName.startsWith(`${name}-`)),
      alarms: alarms.filter(({ AlarmName }) => AlarmName.startsWith(`${name}-`)),
      dashboard: JSON.parse(dashboards[`${name}-${this.#config.region}`] ?? "{}"),
      ...(await this.#rights(name)),
      tags: Object.fromEntries((stack?.Tags ?? []).map(({ Key = "", Value = "" }) => [Key, Value])),
      outputs: Object.fromEntries(outputs),
      canary: rules.find(({ name: rule }) => rule.startsWith(`${name}-CanaryRule-`)),
    };
  }

  async #function(FunctionName: string, bucket: string): Promise<HeldFunction> {
    const lambda = new LambdaClient(this.#config);
    const {
      Configuration = {},
      Code,
      Concurrency,
    } = await lambda.send(new GetFunctionCommand({ FunctionName }));
    const { Policy = '{"Statement":[]}' } = await lambda.send(new GetFunctionPolicyCommand({ FunctionName }));
    // moto gives an address at Amazon.
    const Key = decodeURIComponent(new URL(Code?.Location ?? "").pathname.slice(1));
    const s3 = new S3Client({ ...this.#config, forcePathStyle: true });
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
    return {
      configuration: Configuration,
      zip: (await Body?.transformToByteArray()) ?? new Uint8Array(),
      reservedConcurrency: Concurrency?.ReservedConcurrentExecutions,
      callers: JSON.parse(Policy).Statement,
    };
  }

  async #rights(StackName: string): Promise<Pick<Holdings, "statements" | "boundaries">> {
    const stacks = new CloudFormationClient(this.#config);
    const { StackResourceSummaries = [] } = await stacks.send(new ListStackResourcesCommand({ StackName }));
    const iam = new IAMClient(this.#config);
    const statements: [string, Statement][] = [];
    const boundaries: string[] = [];
    const add = (id: string, document = "") => {
      for (const statement of JSON.parse(decodeURIComponent(document)).Statement)
        statements.push([id, statement]);
    };
    for (const { LogicalResourceId = "", ResourceType, PhysicalResourceId = "" } of StackResourceSummaries) {
      if (ResourceType === "AWS::IAM::Role") {
        const RoleName = PhysicalResourceId;
        const { Role } = await iam.send(new GetRoleCommand({ RoleName }));
        boundaries.push(Role?.PermissionsBoundary?.PermissionsBoundaryArn ?? "");
        const policy = await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName: "inspectord" }));
        add(LogicalResourceId, policy.PolicyDocument);
      }
      if (ResourceType === "AWS::IAM::ManagedPolicy") {
        const PolicyArn = PhysicalResourceId;
        const { Policy } = await iam.send(new GetPolicyCommand({ PolicyArn }));
        const VersionId = Policy?.DefaultVersionId;
        const version = await iam.send(new GetPolicyVersionCommand({ PolicyArn, VersionId }));
        add(LogicalResourceId, version.PolicyVersion?.Document);
      }
    }
    return { statements, boundaries };
  }
}
