package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"lictrail/graph/graphtest"
)

// child makes this program again, with other arguments. Its name is given, not
// inherited: a test binary acts as bench when it is called bench.
func child(ctx context.Context, args ...string) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.CommandContext(ctx, path)
	cmd.Args = append([]string{"bench"}, args...)
	return cmd, nil
}

// usage is what a process used.
type usage struct {
	CPU          float64 `json:"cpu_seconds"`
	PeakMegabyte float64 `json:"peak_megabytes"`
}

// command runs lictrail and returns what it printed and used.
func (o options) command(ctx context.Context, env []string, args ...string) ([]byte, usage, error) {
	var out bytes.Buffer
	took, err := o.commandTo(ctx, &out, env, args...)
	return out.Bytes(), took, err
}

// commandTo runs lictrail, which prints to out, and returns what it used.
func (o options) commandTo(ctx context.Context, out io.Writer, env []string, args ...string) (usage, error) {
	cmd := exec.CommandContext(ctx, o.Lictrail, args...)
	cmd.Env = append(cmd.Environ(), env...)
	return finish(cmd, out)
}

// finish runs a process, which prints to out, and returns what it used. Its peak is
// at least that of this process, which Linux counts for every process that it starts:
// so nothing here may hold the output of a command about all users.
func finish(cmd *exec.Cmd, out io.Writer) (usage, error) {
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &stderr
	if err := cmd.Run(); err != nil {
		return usage{}, fmt.Errorf("%s %s: %w: %s", filepath.Base(cmd.Args[0]), cmd.Args[1], err, bytes.TrimSpace(stderr.Bytes()))
	}
	p := cmd.ProcessState
	return usage{(p.UserTime() + p.SystemTime()).Seconds(), peakMegabytes(p)}, nil
}

// lineCounter counts the lines that are written to it.
type lineCounter int

func (n *lineCounter) Write(text []byte) (int, error) {
	*n += lineCounter(bytes.Count(text, []byte("\n")))
	return len(text), nil
}

// server is the simulated tenant, in a process of its own.
type server struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
	url string
}

func startServer(ctx context.Context, o options) (*server, error) {
	cmd, err := child(ctx, serveCommand, "-users", fmt.Sprint(o.Users), "-plans", fmt.Sprint(o.Plans), "-tenant", o.Tenant)
	if err != nil {
		return nil, err
	}
	s := &server{cmd: cmd}
	if s.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewScanner(stdout)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the simulated tenant: %w", err)
	}
	if s.url, err = s.line(); err != nil {
		s.stop()
		return nil, fmt.Errorf("start the simulated tenant: %w", err)
	}
	return s, nil
}

func (s *server) line() (string, error) {
	if !s.out.Scan() {
		return "", errors.Join(s.out.Err(), io.ErrUnexpectedEOF)
	}
	return s.out.Text(), nil
}

// week moves the tenant to a week and says how much changed in it.
func (s *server) week(n int, share float64) error {
	if _, err := fmt.Fprintf(s.in, "%d %g\n", n, share); err != nil {
		return fmt.Errorf("move the simulated tenant: %w", err)
	}
	_, err := s.line()
	return err
}

func (s *server) stop() {
	s.in.Close() // which ends it
	_ = s.cmd.Wait()
}

func (s *server) env() []string { return []string{"LICTRAIL_ACCESS_TOKEN=" + graphtest.DefaultToken} }

// read measures a yardstick.
func (s *server) read(ctx context.Context, kind string, limit int, into *read) error {
	cmd, err := child(ctx, readCommand, "-kind", kind, "-url", s.url, "-limit", fmt.Sprint(limit))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	took, err := finish(cmd, &out)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		return fmt.Errorf("read with %s: %w", kind, err)
	}
	into.usage = took
	return nil
}

// serve is the process of a simulated tenant: it prints its URL, and moves to
// the weeks that in names until that ends.
func serve(in io.Reader, out io.Writer, tenant *graphtest.Tenant) error {
	srv := graphtest.NewServer(tenant, graphtest.WithTidyRows(), graphtest.WithoutGzip())
	url, err := srv.Start()
	if err != nil {
		return err
	}
	defer srv.Close()
	fmt.Fprintln(out, url)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var week int
		var share float64
		if _, err := fmt.Fscan(strings.NewReader(lines.Text()), &week, &share); err != nil {
			return fmt.Errorf("read the week: %w", err)
		}
		tenant.Week(week, share)
		srv.ForgetRequests()
		fmt.Fprintln(out, "ok")
	}
	return lines.Err()
}

// median of some runs of a question, in milliseconds.
func median(repeat int, run func() error) (float64, error) {
	var times []float64
	for range repeat {
		start := time.Now()
		if err := run(); err != nil {
			return 0, err
		}
		times = append(times, float64(time.Since(start).Microseconds())/1000)
	}
	return middle(times), nil
}
