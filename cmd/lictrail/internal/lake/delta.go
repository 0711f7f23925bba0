package lake

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"lictrail/cmd/lictrail/internal/out"
)

// The log of a table, as the Delta protocol defines it: a folder _delta_log with
// a file of actions for each version, from 0 on. lictrail needs reader version 1
// and writer version 2, the plainest ones: no feature beyond adding and removing
// files.

type action struct {
	Protocol   *protocol   `json:"protocol,omitempty"`
	MetaData   *metaData   `json:"metaData,omitempty"`
	Add        *addFile    `json:"add,omitempty"`
	Remove     *removeFile `json:"remove,omitempty"`
	CommitInfo *commitInfo `json:"commitInfo,omitempty"`
}

type protocol struct {
	MinReaderVersion int `json:"minReaderVersion"`
	MinWriterVersion int `json:"minWriterVersion"`
}

type metaData struct {
	ID               string            `json:"id"`
	Name             string            `json:"name"`
	Format           fileFormat        `json:"format"`
	SchemaString     string            `json:"schemaString"`
	PartitionColumns []string          `json:"partitionColumns"`
	Configuration    map[string]string `json:"configuration"`
	CreatedTime      int64             `json:"createdTime"`
}

type fileFormat struct {
	Provider string            `json:"provider"`
	Options  map[string]string `json:"options"`
}

type addFile struct {
	Path             string            `json:"path"`
	PartitionValues  map[string]string `json:"partitionValues"`
	Size             int64             `json:"size"`
	ModificationTime int64             `json:"modificationTime"`
	DataChange       bool              `json:"dataChange"`
	Stats            string            `json:"stats"`
}

type removeFile struct {
	Path                 string            `json:"path"`
	DeletionTimestamp    int64             `json:"deletionTimestamp"`
	DataChange           bool              `json:"dataChange"`
	ExtendedFileMetadata bool              `json:"extendedFileMetadata"`
	PartitionValues      map[string]string `json:"partitionValues"`
	Size                 int64             `json:"size"`
}

type commitInfo struct {
	Timestamp           int64             `json:"timestamp"`
	Operation           string            `json:"operation"`
	OperationParameters map[string]string `json:"operationParameters"`
	EngineInfo          string            `json:"engineInfo"`
}

// schemaString is the schema of a table as Delta writes it.
func (t *table) schemaString() string {
	type field struct {
		Name     string         `json:"name"`
		Type     string         `json:"type"`
		Nullable bool           `json:"nullable"`
		Metadata map[string]any `json:"metadata"`
	}
	schema := struct {
		Type   string  `json:"type"`
		Fields []field `json:"fields"`
	}{Type: "struct"}
	for _, c := range t.columns {
		schema.Fields = append(schema.Fields, field{c.name, c.delta, c.nullable, map[string]any{}})
	}
	if t.partitioned() {
		schema.Fields = append(schema.Fields, field{partition, "string", true, map[string]any{}})
	}
	text, err := json.Marshal(schema)
	if err != nil {
		panic(err) // plain strings and booleans
	}
	return string(text)
}

// stats are what the log says of a file: how many rows it has. Bounds of some
// columns alone would be worse than none: delta-rs takes the others for bounded by
// null, and passes over files that have what is asked for. Every file of a month has
// nearly all tenants, so there is little to pass over.
func (f *file) stats() string { return fmt.Sprintf(`{"numRecords":%d}`, f.Rows) }

func (f *file) partitionValues() map[string]string {
	if f.Month == "" {
		return map[string]string{}
	}
	return map[string]string{partition: f.Month}
}

func logName(version int64) string { return fmt.Sprintf("%020d.json", version) }

func logPlace(table string, version int64) string {
	return path.Join(table, "_delta_log", logName(version))
}

// hasLog reports whether a table is in a lake.
func (m *manifest) hasLog(t *table) bool {
	_, ok := m.Logs[t.name]
	return ok
}

// writeLogs brings the logs of all tables to what the manifest says. Each log
// gets at most one more version, whole or not at all.
func (t *target) writeLogs() error {
	for _, table := range tables {
		if err := t.writeLog(table); err != nil {
			return fmt.Errorf("write the log of table %s: %w", table.name, err)
		}
	}
	return nil
}

func (t *target) writeLog(table *table) error {
	version, ok := t.manifest.Logs[table.name]
	if !ok {
		return nil
	}
	if there, err := t.exists(logPlace(table.name, version+1)); err != nil || there {
		return errors.Join(err, foreign(there, table, version+1))
	}
	if there, err := t.exists(logPlace(table.name, version)); err != nil || there {
		return err
	}
	before, err := t.readLog(table, version-1)
	if err != nil {
		return err
	}
	text, err := encodeActions(t.manifest.actions(table, version, before))
	if err != nil {
		return err
	}
	folder := path.Join(table.name, "_delta_log")
	if err := os.MkdirAll(t.path(folder), 0o700); err != nil {
		return err
	}
	if err := syncFolders(t.dir, folder); err != nil {
		return err
	}
	return out.WriteFile(t.path(logPlace(table.name, version)), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

func foreign(there bool, table *table, version int64) error {
	if !there {
		return nil
	}
	return fmt.Errorf("%w: something else than lictrail has written version %d of the log of table %s", ErrDamaged, version, table.name)
}

func (t *target) exists(place string) (bool, error) {
	_, err := os.Lstat(t.path(place))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// actions are those by which a log goes from some files to those of the manifest.
func (m *manifest) actions(t *table, version int64, before map[string]*addFile) []action {
	at := m.At.UnixMilli()
	var actions []action
	if version == 0 {
		partitions := []string{}
		if t.partitioned() {
			partitions = append(partitions, partition)
		}
		actions = append(actions, action{Protocol: &protocol{1, 2}}, action{MetaData: &metaData{
			ID: tableID(m.ID, t.name), Name: "lictrail_" + t.name, Format: fileFormat{"parquet", map[string]string{}}, SchemaString: t.schemaString(),
			PartitionColumns: partitions, Configuration: map[string]string{}, CreatedTime: at,
		}})
	}
	now := map[string]*file{}
	rowsBefore, rowsNow := int64(0), int64(0)
	for _, f := range m.filesOf(t.name) {
		now[f.inTable()] = f
		rowsNow += f.Rows
	}
	for _, a := range before {
		rowsBefore += rowsOfStats(a.Stats)
	}
	compacted := version > 0 && rowsBefore == rowsNow && t.kind != replaced && len(now) < len(before)
	removed := []string{}
	for place := range before {
		if now[place] == nil {
			removed = append(removed, place)
		}
	}
	slices.Sort(removed)
	for _, place := range removed {
		a := before[place]
		actions = append(actions, action{Remove: &removeFile{Path: place, DeletionTimestamp: at, DataChange: !compacted,
			ExtendedFileMetadata: true, PartitionValues: a.PartitionValues, Size: a.Size}})
	}
	for _, f := range m.filesOf(t.name) {
		if before[f.inTable()] == nil {
			actions = append(actions, action{Add: &addFile{Path: f.inTable(), PartitionValues: f.partitionValues(), Size: f.Bytes,
				ModificationTime: at, DataChange: !compacted, Stats: f.stats()}})
		}
	}
	operation := "WRITE"
	if compacted {
		operation = "OPTIMIZE"
	}
	return append(actions, action{CommitInfo: &commitInfo{at, operation, map[string]string{}, "lictrail"}})
}

func rowsOfStats(text string) int64 {
	var stats struct {
		NumRecords int64 `json:"numRecords"`
	}
	_ = json.Unmarshal([]byte(text), &stats) // our own
	return stats.NumRecords
}

// tableID is an id in the form of a UUID that a table of a lake has for ever.
func tableID(lake, table string) string {
	sum := sha256.Sum256([]byte(lake + "/" + table))
	b := sum[:16]
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80 // version 8: of one's own making
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func encodeActions(actions []action) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, a := range actions {
		if err := enc.Encode(a); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// readLog plays a log up to and with a version, and returns the files that the
// table has then.
func (t *target) readLog(table *table, version int64) (map[string]*addFile, error) {
	files := map[string]*addFile{}
	for v := int64(0); v <= version; v++ {
		f, err := os.Open(t.path(logPlace(table.name, v)))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		err = playLog(f, files)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("%w: version %d of the log of table %s: %w", ErrDamaged, v, table.name, err)
		}
	}
	return files, nil
}

func playLog(r io.Reader, files map[string]*addFile) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if strings.TrimSpace(line) != "" {
			var a action
			if err := json.Unmarshal([]byte(line), &a); err != nil {
				return err
			}
			switch {
			case a.Add != nil:
				files[a.Add.Path] = a.Add
			case a.Remove != nil:
				delete(files, a.Remove.Path)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
