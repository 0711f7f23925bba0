package doctor

import (
	"strings"
	"testing"

	"lictrail/cmd/lictrail/internal/disk"
)

func TestNetworkDisk(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		volume disk.Volume
		err    error
		want   string // part of the warning; "": none
	}{
		"a disk of this machine": {disk.Volume{Kind: "ext4"}, nil, ""},
		"NFS":                    {disk.Volume{Kind: "nfs", Network: true}, nil, "the database is on nfs, over the network: keep the database on a disk of this machine"},
		"a share without a name": {disk.Volume{Network: true}, nil, "the database is on a file system, over the network: keep the database on a disk of this machine"},
		"nobody tells":           {disk.Volume{}, disk.ErrUnknown, ""},
	} {
		got := NetworkDisk(test.volume, test.err)
		if len(got) > 0 != (test.want != "") || len(got) > 0 && (got[0].Code != "network-disk" || !strings.HasPrefix(got[0].Message, test.want)) {
			t.Errorf("%s: %+v", what, got)
		}
	}
}
