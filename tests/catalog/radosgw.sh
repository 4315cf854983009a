#!/bin/sh
# Starts a one-node Ceph S3 server for tests: one monitor, one OSD in memory, one gateway.
# Usage: radosgw.sh start FOLDER PORT | radosgw.sh stop FOLDER. Debian: apt-get install
# --no-install-recommends radosgw ceph-mon ceph-osd ceph-common. The user is test / testtest12.
set -eu

action=$1
folder=$2
if [ "$action" = stop ]; then
    # All is in memory, so nothing is lost by not asking twice.
    for pid in "$folder"/run/*.pid; do
        [ -f "$pid" ] && kill -9 "$(cat "$pid")" 2>/dev/null || true
    done
    exit 0
fi

port=$3
mon_v2=$((port + 1))
mon_v1=$((port + 2))
mkdir -p "$folder/mon" "$folder/osd/0" "$folder/run" "$folder/log" "$folder/rgw"
cd "$folder"
fsid=$(cat /proc/sys/kernel/random/uuid)
cat > ceph.conf <<CONF
[global]
fsid = $fsid
mon host = [v2:127.0.0.1:$mon_v2,v1:127.0.0.1:$mon_v1]
public addr = 127.0.0.1
keyring = $folder/all.keyring
osd pool default size = 1
osd pool default min size = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
osd pool default pg num = 8
osd pool default pgp num = 8
mon max pg per osd = 2000
run dir = $folder/run
log file = $folder/log/\$cluster-\$name.log
admin socket = $folder/run/\$cluster-\$name.asok
pid file = $folder/run/\$name.pid
[mon.a]
mon data = $folder/mon/a
mon initial members = a
[osd.0]
osd data = $folder/osd/0
osd objectstore = memstore
memstore device bytes = 1073741824
[client.rgw.a]
rgw frontends = beast endpoint=127.0.0.1:$port
rgw data = $folder/rgw
CONF
# Without cephx the gateway is refused (EACCES), so everybody gets a key.
keys="ceph-authtool all.keyring"
ceph-authtool -C all.keyring -n mon. --gen-key --cap mon 'allow *' > log/up
$keys -n client.admin --gen-key --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *' >> log/up
$keys -n osd.0 --gen-key --cap mon 'allow profile osd' --cap osd 'allow *' >> log/up
$keys -n client.rgw.a --gen-key --cap mon 'allow rwx' --cap osd 'allow rwx' >> log/up
monmaptool --create --clobber --fsid "$fsid" --addv a "[v2:127.0.0.1:$mon_v2,v1:127.0.0.1:$mon_v1]" monmap >> log/up
{
    ceph-mon -c ceph.conf -i a --mkfs --monmap monmap --keyring all.keyring
    ceph-mon -c ceph.conf -i a
    timeout 20 ceph -c ceph.conf osd create
    ceph-osd -c ceph.conf -i 0 --mkfs
    timeout 20 ceph -c ceph.conf osd crush add osd.0 1.0 root=default host=localhost
    ceph-osd -c ceph.conf -i 0
} >> log/up 2>&1
for _ in $(seq 60); do
    timeout 20 ceph -c ceph.conf osd stat 2>> log/up | grep -q "1 up" && break
    sleep 0.5
done
radosgw -c ceph.conf -n client.rgw.a >> log/up 2>&1
timeout 60 radosgw-admin -c ceph.conf user create --uid=test --display-name=test \
    --access-key=test --secret-key=testtest12 >> log/up 2>&1
