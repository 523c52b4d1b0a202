"""moto's server, with what its CloudFormation lacks for this project's stacks.

usage: server.py PORT FAULTS

Each resource type that moto skips without a word is created by a call to moto's own service, which botocore checks.
FAULTS is a file of logical ids, one a line: creating or updating one of these fails, until it is no longer there.
"""

import datetime
import json
import sys
import types

for name in ("cfnlint", "cfnlint.api", "cfnlint.config", "cfnlint.core", "openapi_spec_validator",
             "openapi_spec_validator.validation", "openapi_spec_validator.validation.exceptions"):
    sys.modules[name] = types.ModuleType(name)
# moto validates by libraries that Debian does not have beside it. test/infra holds templates to AWS's own schemas.
sys.modules["cfnlint.api"].lint = lambda *_: []
sys.modules["cfnlint.config"].configure_logging = lambda *_: None
sys.modules["cfnlint.core"].get_rules = lambda *_: []
sys.modules["openapi_spec_validator"].validate = lambda *_, **__: None
sys.modules["openapi_spec_validator.validation.exceptions"].OpenAPIValidationError = Exception

import boto3
import moto.cloudformation.models as stacks
import moto.cloudformation.parsing as parsing
from moto.awslambda.models import LambdaFunction
from moto.core.common_models import CloudFormationModel
from moto.ec2.models.vpcs import VPCEndPoint
from moto.iam.models import Role
from moto.logs.models import LogGroup
from moto.server import main

# moto reads the service of a class from the name of its module.
__name__ = "moto.additions"

port, faults = sys.argv[1:]
account = "123456789012"


def client(service, region):
    return boto3.client(service, region_name=region, endpoint_url=f"http://127.0.0.1:{port}",
                        aws_access_key_id="AKIAOFTHESERVERITSELF", aws_secret_access_key="none")


class Created(CloudFormationModel):
    """A resource of a type that moto's CloudFormation lacks."""

    type_name = ""
    attribute_names = ()

    def __init__(self, physical_id, attributes=None, remove=None):
        self._physical_id, self._attributes, self._remove = physical_id, attributes or {}, remove

    @property
    def physical_resource_id(self):
        return self._physical_id

    @classmethod
    def cloudformation_type(cls):
        return cls.type_name

    @staticmethod
    def cloudformation_name_type():
        return ""

    @classmethod
    def has_cfn_attr(cls, attr):
        return attr in cls.attribute_names

    def get_cfn_attribute(self, attribute_name):
        return self._attributes[attribute_name]

    def is_created(self):
        return True

    def delete(self, *_):
        try:
            if self._remove is not None:
                self._remove()
        except Exception as error:
            # What it belonged to has been deleted before it.
            if "NotFound" not in f"{type(error).__name__} {error}":
                raise

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **_):
        return cls.create(resource_name, cloudformation_json.get("Properties", {}), region_name)

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, new_resource_name, cloudformation_json, account_id,
                                        region_name):
        return cls.change(original_resource, new_resource_name, cloudformation_json["Properties"], region_name)

    @classmethod
    def delete_from_cloudformation_json(cls, *_):
        raise NotImplementedError

    @classmethod
    def change(cls, old, name, properties, region):
        """Replaces the resource, unless the type knows better."""
        old.delete()
        return cls.create(name, properties, region)


def booleans(value):
    """CloudFormation takes "true" for true."""
    if isinstance(value, dict):
        return {key: booleans(one) for key, one in value.items()}
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


class Api(Created):
    type_name, attribute_names = "AWS::ApiGatewayV2::Api", ("ApiEndpoint", "ApiId")

    @classmethod
    def create(cls, _, properties, region):
        gateway = client("apigatewayv2", region)
        api = gateway.create_api(**booleans(properties))["ApiId"]
        endpoint = f"https://{api}.execute-api.{region}.amazonaws.com"
        return cls(api, {"ApiId": api, "ApiEndpoint": endpoint}, lambda: gateway.delete_api(ApiId=api))

    @classmethod
    def change(cls, old, _, properties, region):
        changed = {key: value for key, value in booleans(properties).items() if key not in ("ProtocolType", "Tags")}
        client("apigatewayv2", region).update_api(ApiId=old.physical_resource_id, **changed)
        return old


class Integration(Created):
    type_name = "AWS::ApiGatewayV2::Integration"

    @classmethod
    def create(cls, _, properties, region):
        gateway, api = client("apigatewayv2", region), properties["ApiId"]
        integration = gateway.create_integration(**properties)["IntegrationId"]
        return cls(integration, {}, lambda: gateway.delete_integration(ApiId=api, IntegrationId=integration))


class Route(Created):
    type_name = "AWS::ApiGatewayV2::Route"

    @classmethod
    def create(cls, _, properties, region):
        gateway, api = client("apigatewayv2", region), properties["ApiId"]
        route = gateway.create_route(**booleans(properties))["RouteId"]
        return cls(route, {}, lambda: gateway.delete_route(ApiId=api, RouteId=route))


class Stage(Created):
    type_name = "AWS::ApiGatewayV2::Stage"

    @classmethod
    def create(cls, _, properties, region):
        gateway, api, stage = client("apigatewayv2", region), properties["ApiId"], properties["StageName"]
        cls.check(gateway, properties)
        gateway.create_stage(**booleans(properties))
        return cls(stage, {}, lambda: gateway.delete_stage(ApiId=api, StageName=stage))

    @staticmethod
    def check(gateway, properties):
        """As API Gateway does: the throttling of a route is refused before the route is there."""
        keys = [route["RouteKey"] for route in gateway.get_routes(ApiId=properties["ApiId"])["Items"]]
        for key in properties.get("RouteSettings", {}):
            if key not in keys:
                raise Exception(f"Unable to find Route by key {key} within the provided RouteSettings")


class Alarm(Created):
    type_name, attribute_names = "AWS::CloudWatch::Alarm", ("Arn",)

    @classmethod
    def create(cls, name, properties, region):
        watch, alarm = client("cloudwatch", region), properties.get("AlarmName", name)
        watch.put_metric_alarm(**{**properties, "AlarmName": alarm})
        arn = f"arn:aws:cloudwatch:{region}:{account}:alarm:{alarm}"
        return cls(alarm, {"Arn": arn}, lambda: watch.delete_alarms(AlarmNames=[alarm]))


class Dashboard(Created):
    type_name = "AWS::CloudWatch::Dashboard"

    @classmethod
    def create(cls, name, properties, region):
        watch, dashboard = client("cloudwatch", region), properties.get("DashboardName", name)
        watch.put_dashboard(DashboardName=dashboard, DashboardBody=properties["DashboardBody"])
        return cls(dashboard, {}, lambda: watch.delete_dashboards(DashboardNames=[dashboard]))


class MetricFilter(Created):
    type_name = "AWS::Logs::MetricFilter"

    @classmethod
    def create(cls, name, properties, region):
        logs, group = client("logs", region), properties["LogGroupName"]
        name = properties.get("FilterName", name)
        logs.put_metric_filter(logGroupName=group, filterName=name, filterPattern=properties["FilterPattern"],
                               metricTransformations=[cls.transformation(one)
                                                      for one in properties["MetricTransformations"]])
        return cls(name, {}, lambda: logs.delete_metric_filter(logGroupName=group, filterName=name))

    @staticmethod
    def transformation(properties):
        lower = {key[0].lower() + key[1:]: value for key, value in properties.items()}
        dimensions = {one["Key"]: one["Value"] for one in lower.pop("dimensions", [])}
        return {**lower, **({"dimensions": dimensions} if dimensions else {})}


class BucketPolicy(Created):
    """Kept, and not applied: it denies what does not come by TLS, and moto is asked without."""

    type_name = "AWS::S3::BucketPolicy"

    @classmethod
    def create(cls, name, *_):
        return cls(name)


class SecurityGroupEgress(Created):
    type_name, attribute_names = "AWS::EC2::SecurityGroupEgress", ("Id",)

    @classmethod
    def create(cls, name, properties, region):
        ec2, group = client("ec2", region), properties["GroupId"]
        rule = {key: properties[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in properties}
        if "DestinationSecurityGroupId" in properties:
            rule["UserIdGroupPairs"] = [{"GroupId": properties["DestinationSecurityGroupId"]}]
        if "CidrIp" in properties:
            rule["IpRanges"] = [{"CidrIp": properties["CidrIp"]}]
        ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[rule])
        return cls(name, {"Id": name},
                   lambda: ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[rule]))


ours = {one.type_name: one for one in Created.__subclasses__()}
known = parsing.get_model_list
parsing.get_model_list = lambda: [one for one in known() if one.cloudformation_type() not in ours] + list(ours.values())


# An interface endpoint's names, that of all zones together first.
def names_of_endpoint(self, attribute_name):
    *_, region, service = self.service_name.split(".")
    domain = f"{service}.{region}.vpce.amazonaws.com"
    return [f"Z7HUB22UULQXV:{self.id}-0a1b2c3d.{domain}", f"Z7HUB22UULQXV:{self.id}-0a1b2c3d-{region}a.{domain}"]


VPCEndPoint.get_cfn_attribute = names_of_endpoint
VPCEndPoint.has_cfn_attr = classmethod(lambda _, attribute: attribute == "DnsEntries")

plain_vpc_endpoint = VPCEndPoint.create_from_cloudformation_json.__func__


def create_vpc_endpoint(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
    """As EC2 does: an interface endpoint has one subnet in a zone at most."""
    subnets = client("ec2", region_name).describe_subnets(SubnetIds=cloudformation_json["Properties"]["SubnetIds"])
    zones = [one["AvailabilityZone"] for one in subnets["Subnets"]]
    if len(set(zones)) < len(zones):
        raise Exception("DuplicateSubnetsInSameZone: Found another VPC endpoint subnet in the availability zone")
    return plain_vpc_endpoint(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs)


VPCEndPoint.create_from_cloudformation_json = classmethod(create_vpc_endpoint)

plain_lambda_update = LambdaFunction.update_from_cloudformation_json.__func__


def update_function(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
    """moto forgets the time of an update and the reserved concurrency."""
    now = datetime.datetime.now(datetime.timezone.utc)
    original_resource.last_modified = now.strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
    original_resource.reserved_concurrency = cloudformation_json["Properties"].get("ReservedConcurrentExecutions")
    return plain_lambda_update(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name)


LambdaFunction.update_from_cloudformation_json = classmethod(update_function)


# moto keeps a role's policies as something that it cannot show, and forgets them in an update.
plain_role_update = Role.update_from_cloudformation_json.__func__


def put_policy(self, policy_name, policy_json):
    self.policies[policy_name] = policy_json if isinstance(policy_json, str) else json.dumps(policy_json)


def update_role(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
    plain_role_update(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name)
    properties = cloudformation_json["Properties"]
    original_resource.permissions_boundary = properties.get("PermissionsBoundary", "")
    for policy in properties.get("Policies", []):
        original_resource.put_policy(policy["PolicyName"], policy["PolicyDocument"])
    return original_resource


Role.put_policy, Role.update_from_cloudformation_json = put_policy, classmethod(update_role)


# moto forgets a log group's key, and the end of its ARN.
plain_log_group = LogGroup.create_from_cloudformation_json.__func__


def create_log_group(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
    group = plain_log_group(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs)
    group.kms_key_id = cloudformation_json["Properties"].get("KmsKeyId")
    return group


def attribute_of_log_group(self, attribute_name):
    if attribute_name != "Arn":
        raise KeyError(attribute_name)
    return f"{self.arn}:*"


LogGroup.create_from_cloudformation_json = classmethod(create_log_group)
LogGroup.get_cfn_attribute = attribute_of_log_group


def update_log_group(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
    days = cloudformation_json["Properties"].get("RetentionInDays")
    original_resource.set_retention_policy(days)
    return original_resource


LogGroup.update_from_cloudformation_json = classmethod(update_log_group)


def is_faulty(logical_id):
    try:
        with open(faults) as lines:
            return logical_id in lines.read().split()
    except FileNotFoundError:
        return False


plain_create, plain_update = parsing.parse_and_create_resource, parsing.parse_and_update_resource


class Failed(Exception):
    """A resource could not be created or updated."""

    def __init__(self, logical_id, cause):
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.logical_id = logical_id


def attempt(logical_id, make):
    if is_faulty(logical_id):
        raise Failed(logical_id, Exception("it fails because the test asks for that"))
    try:
        return make()
    except Failed:
        raise
    except Exception as error:
        raise Failed(logical_id, error) from error


def create(logical_id, resource_json, resources_map, **kwargs):
    # moto creates what a resource refers to before it, and forgets DependsOn.
    first = resource_json.get("DependsOn", [])
    for other in [first] if isinstance(first, str) else first:
        resources_map[other]
    return attempt(logical_id, lambda: plain_create(logical_id, resource_json, resources_map, **kwargs))


def update(logical_id, resource_json, resources_map, **kwargs):
    def make():
        changed = plain_update(logical_id, resource_json, resources_map, **kwargs)
        # moto cannot update some types, and would lose the resource.
        return resources_map[logical_id] if changed is None else changed
    return attempt(logical_id, make)


parsing.parse_and_create_resource, parsing.parse_and_update_resource = create, update


def apply(self):
    """Applies a change set: what fails is rolled back, and a stack has the outputs of its newest template."""
    stack, resources = self.stack, self.stack.resource_map
    old = (stack.template, stack.template_dict, stack.parameters)
    try:
        resources.update(self.template_dict, self.parameters)
    except Failed as error:
        event(stack, error.logical_id, "UPDATE_FAILED", str(error))
        event(stack, None, "UPDATE_ROLLBACK_IN_PROGRESS", str(error))
        done = {key: one for key, one in resources._resource_json_map.items() if key in resources._parsed_resources}
        resources._resource_json_map = done
        resources.update(old[1], old[2])
        raise
    stack.template, stack.template_dict, stack.parameters = self.template, self.template_dict, self.parameters
    stack.output_map = stack._create_output_map()
    stack.tags = self.tags or stack.tags


def event(stack, logical_id, status, reason=None):
    stack._add_stack_event(status, resource_status_reason=reason)
    if logical_id is not None:
        last = stack.events[-1]
        last.logical_resource_id, last.physical_resource_id = logical_id, logical_id
        last.resource_type = stack.resource_map._resource_json_map.get(logical_id, {}).get("Type", "unknown")


stacks.FakeChangeSet.apply = apply
plain_execute = stacks.CloudFormationBackend.execute_change_set


def execute(self, change_set_name, stack_name=None):
    try:
        plain_execute(self, change_set_name, stack_name)
    except Failed:
        for one in self.change_sets.values():
            if change_set_name in (one.change_set_id, one.change_set_name):
                one.execution_status = "EXECUTE_FAILED"
                event(one.stack, None, "UPDATE_ROLLBACK_COMPLETE")
                one.stack.status = "UPDATE_ROLLBACK_COMPLETE"
        return
    for stack in self.stacks.values():
        self.exports.update({one.name: one for one in stack.exports})


stacks.CloudFormationBackend.execute_change_set = execute

main(["-H", "127.0.0.1", "-p", port])
