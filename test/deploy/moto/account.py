"""Creates in moto what an operator has before the first deployment, and prints its names as JSON.

usage: account.py URL REGION
"""

import json
import sys

import boto3

url, region = sys.argv[1:]


def client(service):
    return boto3.client(service, region_name=region, endpoint_url=url,
                        aws_access_key_id="AKIAOFTHEOPERATOR000", aws_secret_access_key="none")


ec2 = client("ec2")
vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]


def subnet(number, zone):
    made = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{number}.0/24", AvailabilityZone=region + zone)
    return made["Subnet"]["SubnetId"]


def group(name):
    return ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]


subnets = [subnet(0, "a"), subnet(1, "b")]
groups = {name: group(name) for name in ("cache", "endpoints", "files")}

client("elasticache").create_cache_cluster(CacheClusterId="sessions", Engine="memcached", NumCacheNodes=2,
                                           CacheNodeType="cache.t4g.micro", SecurityGroupIds=[groups["cache"]])
for name in ("redis-password", "laravel-app-key"):
    client("ssm").put_parameter(Name=f"/inspectord/{name}", Type="SecureString", Value=f"secret-{name}")
efs = client("efs")
file_system = efs.create_file_system(CreationToken="sessions")["FileSystemId"]
for one in subnets:
    efs.create_mount_target(FileSystemId=file_system, SubnetId=one, SecurityGroups=[groups["files"]])
client("dynamodb").create_table(TableName="sessions", BillingMode="PAY_PER_REQUEST",
                                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])

iam = client("iam")


def statement(effect, action):
    return {"Effect": effect, "Action": action, "Resource": "*"}


iam.create_user(UserName="limited")
iam.put_user_policy(UserName="limited", PolicyName="limited", PolicyDocument=json.dumps({
    "Version": "2012-10-17",
    "Statement": [statement("Allow", "*"), statement("Deny", "cloudformation:CreateChangeSet")],
}))
key = iam.create_access_key(UserName="limited")["AccessKey"]

print(json.dumps({
    "vpc": vpc,
    "subnets": subnets,
    # A third one in a zone that has one already.
    "thirdSubnet": subnet(2, "a"),
    "cacheGroup": groups["cache"],
    "endpointGroup": groups["endpoints"],
    "filesGroup": groups["files"],
    "fileSystem": file_system,
    "kmsKey": client("kms").create_key(Description="secrets")["KeyMetadata"]["Arn"],
    "topic": client("sns").create_topic(Name="operators")["TopicArn"],
    "boundary": iam.create_policy(PolicyName="boundary", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [statement("Allow", "*")]}))["Policy"]["Arn"],
    "limitedKey": {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]},
}))
