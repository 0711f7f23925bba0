package config

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Setting is a key and the text that it is to be set to: "tenant", or
// "sync.activity" for one in a table.
type Setting struct{ Key, Text string }

// Set returns a file with some keys set, and all else in it as it was, comments
// and order too; only a comment behind a value that changes goes with it. A
// setting without a text takes its key out.
func Set(name string, data []byte, settings []Setting) ([]byte, error) {
	for _, s := range settings {
		file, err := Parse(name, data)
		if err != nil {
			return nil, err
		}
		if v, ok := file.Values[s.Key]; ok && v.Text() == s.Text && !v.List {
			continue
		}
		data = set(data, lines(data), s)
		file, err = Parse(name, data)
		if err != nil {
			return nil, err
		}
		if file.Values[s.Key].Text() != s.Text {
			return nil, &Error{File: name, Message: fmt.Sprintf("%q could not be set", s.Key), Hint: fmt.Sprintf("write it by hand: %s = %s", s.Key, strconv.Quote(s.Text))}
		}
	}
	return data, nil
}

// set replaces the line of a key, or adds one: of a table after its head, of no
// table before the first.
func set(data []byte, at map[string]int, s Setting) []byte {
	table, key := "", s.Key
	if dot := strings.LastIndexByte(s.Key, '.'); dot >= 0 {
		table, key = s.Key[:dot], s.Key[dot+1:]
	}
	text := key + " = " + strconv.Quote(s.Text)
	all := strings.SplitAfter(string(bytes.TrimPrefix(data, []byte("\ufeff"))), "\n")
	if last := len(all) - 1; all[last] == "" {
		all = all[:last]
	} else {
		all[last] += "\n"
	}
	line, there := at[s.Key]
	switch {
	case there && s.Text == "":
		all = slices.Delete(all, line-1, line)
	case s.Text == "":
	case there:
		all[line-1] = text + ending(all[line-1])
	case table == "":
		all = slices.Insert(all, firstTable(all), text+"\n")
	case at[table] > 0:
		all = slices.Insert(all, at[table], text+"\n")
	default:
		if len(all) > 0 {
			all = append(all, "\n")
		}
		all = append(all, "["+table+"]\n", text+"\n")
	}
	return []byte(strings.Join(all, ""))
}

// firstTable is where the keys of no table end, without the blank lines and
// comments that stand before the table.
func firstTable(all []string) int {
	i := slices.IndexFunc(all, func(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), "[") })
	if i < 0 {
		return len(all)
	}
	for i > 0 && (strings.TrimSpace(all[i-1]) == "" || strings.HasPrefix(strings.TrimSpace(all[i-1]), "#")) {
		i--
	}
	return i
}

// ending is what a line ends with.
func ending(line string) string {
	if strings.HasSuffix(line, "\r\n") {
		return "\r\n"
	}
	return "\n"
}
