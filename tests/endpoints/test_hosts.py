"""Which hosts are FC's."""

import pytest

from fcemu.endpoints.hosts import is_fc_host


@pytest.mark.parametrize(
    "host",
    [
        "1234567890123456.cn-shanghai.fc.aliyuncs.com",
        "1234567890123456.cn-shanghai-internal.fc.aliyuncs.com",
        "1234567890123456.eu-central-1-vpc.fc.aliyuncs.com",
        "fcv3.cn-hangzhou.aliyuncs.com",
        "fcv3-vpc.cn-hangzhou.aliyuncs.com",
        "fcv3.cn-hangzhou-internal.aliyuncs.com",
        "fc.ap-southeast-1.aliyuncs.com",
        "fc.aliyuncs.com",
        "fc-vpc.aliyuncs.com",
        "fc-internal.ap-southeast-1.aliyuncs.com",
        "resize-abcdefghij.cn-hangzhou.fcapp.run",
        "resize-abcdefghij.cn-hangzhou-vpc.fcapp.run",
        "1234567890123456.mns.cn-beijing.aliyuncs.com",
        "1234567890123456.mns.cn-beijing-internal-vpc.aliyuncs.com",
        "FCV3.CN-HANGZHOU.ALIYUNCS.COM",
        "fcv3.cn-hangzhou.aliyuncs.com.",
        b"fcv3.cn-hangzhou.aliyuncs.com",
    ],
)
def test_these_are(host):
    assert is_fc_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "oss-cn-hangzhou.aliyuncs.com",
        "bucket.oss-cn-hangzhou.aliyuncs.com",
        "sts.cn-hangzhou.aliyuncs.com",
        "www.fc.aliyuncs.com",
        "fcv3.aliyuncs.com",
        "aliyuncs.com",
        "mns.cn-hangzhou.aliyuncs.com",
        "a.b.mns.cn-hangzhou.aliyuncs.com",
        "fcapp.run",
        "fcapp.run.example",
        "fcv3.cn-hangzhou.aliyuncs.com.example",
        "fcv3.cn-hangzhou.aliyuncs.com:443",
        "evil.example/fcv3.cn-hangzhou.aliyuncs.com",
        "localhost",
        "127.0.0.1",
        "",
        b"\xff",
        None,
        7,
    ],
)
def test_these_are_not(host):
    assert not is_fc_host(host)
