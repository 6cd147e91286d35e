"""Make the bucket, and a user who may read and write it and nothing else. Safe to run again."""

import os
from urllib.parse import urlsplit

from minio import Minio, MinioAdmin
from minio.credentials import StaticProvider
from urllib3 import PoolManager, Retry, Timeout

BUCKET = os.environ["BUCKET"]
USER, PASSWORD = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
ROOT = StaticProvider(os.environ["MINIO_ROOT_USER"], os.environ["MINIO_ROOT_PASSWORD"])
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["s3:ListBucket", "s3:GetBucketLocation"],
            "Resource": [f"arn:aws:s3:::{BUCKET}"],
        },
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            "Resource": [f"arn:aws:s3:::{BUCKET}/*"],
        },
    ],
}

endpoint = urlsplit(os.environ["TUNEWRIGHT_S3_ENDPOINT"])
place = {
    "secure": endpoint.scheme == "https",
    "region": os.environ["TUNEWRIGHT_S3_REGION"],
    # The server may still be starting. The client itself would wait five minutes for a connection that nobody answers.
    "http_client": PoolManager(timeout=Timeout(connect=5, read=30), retries=Retry(total=12, backoff_factor=0.5)),
}

client = Minio(endpoint.netloc, credentials=ROOT, **place)
if not client.bucket_exists(BUCKET):
    client.make_bucket(BUCKET)

admin = MinioAdmin(endpoint=endpoint.netloc, credentials=ROOT, **place)
admin.policy_add("tunewright", policy=POLICY)
admin.user_add(USER, PASSWORD)
admin.policy_set("tunewright", user=USER)
print(f"bucket {BUCKET} is there, user {USER} may use it")
