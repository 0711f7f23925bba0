// Package exportfile writes audit events of a simulated tenant into files, in the
// forms in which logs are exported. It is for tests, and shares nothing with what
// reads such files.
package exportfile

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Event is a directoryAudit of Microsoft Graph.
type Event struct {
	ID                  string         `json:"id"`
	Category            string         `json:"category"`
	CorrelationID       string         `json:"correlationId"`
	Result              string         `json:"result"`
	ResultReason        string         `json:"resultReason"`
	ActivityDisplayName string         `json:"activityDisplayName"`
	ActivityDateTime    time.Time      `json:"activityDateTime"`
	LoggedByService     string         `json:"loggedByService"`
	InitiatedBy         initiators     `json:"initiatedBy"`
	TargetResources     []target       `json:"targetResources"`
	AdditionalDetails   []detail       `json:"additionalDetails"`
	raw                 map[string]any // as the service wrote it
}

type initiators struct {
	User *struct{ ID, DisplayName, UserPrincipalName, HomeTenantID string }
	App  *struct{ AppID, DisplayName, ServicePrincipalID string }
}

type target struct {
	ID, DisplayName, Type, UserPrincipalName, GroupType string
	ModifiedProperties                                  []property
}

type property struct{ DisplayName, OldValue, NewValue string }

type detail struct{ Key, Value string }

// Formats writes events by the name of the form.
var Formats = map[string]func(w io.Writer, tenant string, events []*Event) error{
	"graph-json":          graphJSON,
	"entra-portal-json":   portalJSON,
	"entra-portal-csv":    portalCSV,
	"purview-csv":         purviewCSV,
	"search-csv":          searchCSV,
	"search-json":         searchJSON,
	"activity-json":       activityJSON,
	"azure-monitor-lines": monitorLines,
	"event-hub-json":      eventHub,
	"log-analytics-json":  analyticsJSON,
	"log-analytics-csv":   analyticsCSV,
	"purview-graph-json":  purviewGraph,
}

// Names lists the forms in order.
func Names() []string { return slices.Sorted(maps.Keys(Formats)) }

// Write writes events, each a directoryAudit of Microsoft Graph, in a form.
func Write(w io.Writer, format, tenant string, events [][]byte) error {
	write := Formats[format]
	if write == nil {
		return fmt.Errorf("no format %q; there are %s", format, strings.Join(Names(), ", "))
	}
	list := make([]*Event, len(events))
	for i, raw := range events {
		list[i] = &Event{}
		if err := json.Unmarshal(raw, list[i]); err != nil {
			return err
		}
		if err := json.Unmarshal(raw, &list[i].raw); err != nil {
			return err
		}
	}
	return write(w, tenant, list)
}

// Gzip compresses what it is given to write.
func Gzip(w io.Writer, write func(io.Writer) error) error {
	z := gzip.NewWriter(w)
	if err := write(z); err != nil {
		return err
	}
	return z.Close()
}

func compact(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "null"
	}
	return strings.TrimSpace(b.String())
}

func graphJSON(w io.Writer, _ string, events []*Event) error {
	return pages(w, events, 100, func(page []any) any {
		return map[string]any{"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#auditLogs/directoryAudits", "value": page}
	})
}

// pages writes documents, each with some of the events.
func pages(w io.Writer, events []*Event, size int, wrap func(page []any) any) error {
	for some := range slices.Chunk(events, size) {
		var page []any
		for _, e := range some {
			page = append(page, e.raw)
		}
		if _, err := fmt.Fprintln(w, compact(wrap(page))); err != nil {
			return err
		}
	}
	return nil
}

func portalJSON(w io.Writer, _ string, events []*Event) error {
	list := make([]any, len(events))
	for i, e := range events {
		list[i] = e.raw
	}
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append([]byte("\ufeff"), bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))...))
	return err
}

// portalCell is where the Entra admin center cuts a cell off.
const portalCell = 10_000

func portalCSV(w io.Writer, _ string, events []*Event) error {
	targets, properties, details := 1, 1, 1
	for _, e := range events {
		targets, details = max(targets, len(e.TargetResources)), max(details, len(e.AdditionalDetails))
		for _, t := range e.TargetResources {
			properties = max(properties, len(t.ModifiedProperties))
		}
	}
	header := []string{"Date (UTC)", "CorrelationId", "Service", "Category", "Activity", "Result", "ResultReason", "ActorType", "ActorDisplayName",
		"ActorObjectId", "ActorUserPrincipalName", "ActorHomeTenantId", "ActorServicePrincipalId", "ActorServicePrincipalName"}
	for i := range targets {
		for _, name := range []string{"Type", "DisplayName", "ObjectId", "UserPrincipalName"} {
			header = append(header, fmt.Sprintf("Target%d%s", i+1, name))
		}
		for k := range properties {
			for _, name := range []string{"Name", "OldValue", "NewValue"} {
				header = append(header, fmt.Sprintf("Target%dModifiedProperty%d%s", i+1, k+1, name))
			}
		}
	}
	for i := range details {
		header = append(header, fmt.Sprintf("AdditionalDetail%dKey", i+1), fmt.Sprintf("AdditionalDetail%dValue", i+1))
	}
	out := csv.NewWriter(w)
	if err := out.Write(header); err != nil {
		return err
	}
	for _, e := range events {
		cells := e.portalCells()
		row := make([]string, len(header))
		for i, name := range header {
			row[i] = cut(cells[name], portalCell)
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

func (e *Event) portalCells() map[string]string {
	cells := map[string]string{"Date (UTC)": e.ActivityDateTime.UTC().Format("2006-01-02T15:04:05.0000000+00:00"), "CorrelationId": e.CorrelationID,
		"Service": e.LoggedByService, "Category": e.Category, "Activity": e.ActivityDisplayName, "Result": e.Result, "ResultReason": e.ResultReason}
	if u := e.InitiatedBy.User; u != nil {
		cells["ActorType"], cells["ActorDisplayName"], cells["ActorObjectId"] = "User", u.DisplayName, u.ID
		cells["ActorUserPrincipalName"], cells["ActorHomeTenantId"] = u.UserPrincipalName, u.HomeTenantID
	}
	if a := e.InitiatedBy.App; a != nil {
		cells["ActorType"], cells["ActorServicePrincipalId"], cells["ActorServicePrincipalName"] = "Application", a.ServicePrincipalID, a.DisplayName
	}
	for i, t := range e.TargetResources {
		stem := fmt.Sprintf("Target%d", i+1)
		cells[stem+"Type"], cells[stem+"DisplayName"], cells[stem+"ObjectId"], cells[stem+"UserPrincipalName"] = t.Type, t.DisplayName, t.ID, t.UserPrincipalName
		for k, p := range t.ModifiedProperties {
			of := fmt.Sprintf("%sModifiedProperty%d", stem, k+1)
			cells[of+"Name"], cells[of+"OldValue"], cells[of+"NewValue"] = p.DisplayName, p.OldValue, p.NewValue
		}
	}
	for i, d := range e.AdditionalDetails {
		cells[fmt.Sprintf("AdditionalDetail%dKey", i+1)], cells[fmt.Sprintf("AdditionalDetail%dValue", i+1)] = d.Key, d.Value
	}
	return cells
}

func monitorLines(w io.Writer, tenant string, events []*Event) error {
	for _, e := range events {
		if _, err := fmt.Fprintln(w, compact(e.monitor(tenant))); err != nil {
			return err
		}
	}
	return nil
}

func eventHub(w io.Writer, tenant string, events []*Event) error {
	for some := range slices.Chunk(events, 50) {
		var records []any
		for _, e := range some {
			records = append(records, e.monitor(tenant))
		}
		if _, err := fmt.Fprintln(w, compact(map[string]any{"records": records})); err != nil {
			return err
		}
	}
	return nil
}

func (e *Event) monitor(tenant string) any {
	return map[string]any{"time": e.ActivityDateTime.UTC().Format("2006-01-02T15:04:05.0000000Z"), "category": "AuditLogs",
		"resourceId": "/tenants/" + tenant + "/providers/Microsoft.aadiam", "operationName": e.ActivityDisplayName, "tenantId": tenant,
		"correlationId": e.CorrelationID, "Level": 4, "properties": e.raw}
}

// analytics has the columns of the table AuditLogs, structures as text.
func (e *Event) analytics(tenant string) map[string]string {
	at := e.ActivityDateTime.UTC().Format("2006-01-02T15:04:05.0000000Z")
	return map[string]string{"TenantId": "00000000-1111-4222-8333-444444444444", "TimeGenerated": at, "ActivityDateTime": at,
		"OperationName": e.ActivityDisplayName, "ActivityDisplayName": e.ActivityDisplayName, "Category": e.Category, "Id": e.ID,
		"CorrelationId": e.CorrelationID, "Result": e.Result, "ResultReason": e.ResultReason, "AADTenantId": tenant,
		"ResourceId": "/tenants/" + tenant + "/providers/Microsoft.aadiam", "InitiatedBy": compact(e.raw["initiatedBy"]),
		"TargetResources": compact(e.raw["targetResources"]), "AdditionalDetails": compact(e.raw["additionalDetails"]), "Type": "AuditLogs"}
}

func analyticsJSON(w io.Writer, tenant string, events []*Event) error {
	columns := slices.Sorted(maps.Keys((&Event{}).analytics(tenant)))
	var named []any
	for _, c := range columns {
		named = append(named, map[string]string{"name": c, "type": "string"})
	}
	rows := [][]string{}
	for _, e := range events {
		rows = append(rows, valuesOf(e.analytics(tenant), columns))
	}
	type table struct {
		Name    string     `json:"name"`
		Columns []any      `json:"columns"`
		Rows    [][]string `json:"rows"`
	}
	_, err := fmt.Fprintln(w, compact(map[string]any{"tables": []table{{"PrimaryResult", named, rows}}}))
	return err
}

func analyticsCSV(w io.Writer, tenant string, events []*Event) error {
	columns := slices.Sorted(maps.Keys((&Event{}).analytics(tenant)))
	out := csv.NewWriter(w)
	header := slices.Clone(columns)
	for i, c := range header {
		if c == "TimeGenerated" || c == "ActivityDateTime" {
			header[i] += " [UTC]"
		}
	}
	if err := out.Write(header); err != nil {
		return err
	}
	for _, e := range events {
		row := e.analytics(tenant)
		at := e.ActivityDateTime.UTC().Format("1/2/2006, 3:04:05.000 PM")
		row["TimeGenerated"], row["ActivityDateTime"] = at, at
		if err := out.Write(valuesOf(row, columns)); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func valuesOf(row map[string]string, columns []string) []string {
	values := make([]string, len(columns))
	for i, c := range columns {
		values[i] = row[c]
	}
	return values
}

type identity struct {
	ID   string
	Type int
}

type pair struct{ Name, Value string }

type modified struct{ Name, NewValue, OldValue string }

// unified is the record of the unified log about an event.
type unified struct {
	CreationTime, ID, Operation, OrganizationID string
	RecordType                                  int
	ResultStatus, UserKey                       string
	UserType                                    int
	Workload, ObjectID, UserID                  string
	AzureActiveDirectoryEventType               int
	ExtendedProperties                          []pair
	ModifiedProperties                          []modified
	Actor                                       []identity
	ActorContextID, InterSystemsID              string
	IntraSystemID                               string
	Target                                      []identity
	TargetContextID                             string
}

// MarshalJSON writes the names as the log has them.
func (u unified) MarshalJSON() ([]byte, error) {
	type plain unified
	b, err := json.Marshal(plain(u))
	for _, name := range []string{"ID", "OrganizationID", "ObjectID", "UserID", "ActorContextID", "InterSystemsID", "IntraSystemID", "TargetContextID"} {
		if name != "ID" { // the entries of Actor and Target have it so
			b = bytes.ReplaceAll(b, []byte(`"`+name+`":`), []byte(`"`+strings.TrimSuffix(name, "ID")+`Id":`))
		}
	}
	return bytes.Replace(b, []byte(`"ID":`), []byte(`"Id":`), 1), err
}

const (
	isName  = 1
	isOther = 2
	isUPN   = 5
)

// unifiedID is a GUID of the unified log's own.
func unifiedID(e *Event) string {
	var sum [16]byte
	for i, c := range []byte(e.ID) {
		sum[(i*7+int(c))%16] = sum[(i*7+int(c))%16]*31 + c + byte(i)
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:])
}

func (e *Event) unified(tenant string) unified {
	u := unified{CreationTime: e.ActivityDateTime.UTC().Format("2006-01-02T15:04:05"), ID: unifiedID(e), Operation: e.ActivityDisplayName + ".",
		OrganizationID: tenant, RecordType: 8, Workload: "AzureActiveDirectory", AzureActiveDirectoryEventType: 1, ObjectID: "Not Available",
		UserKey: "Not Available", ResultStatus: "Success", ActorContextID: tenant, InterSystemsID: e.CorrelationID,
		IntraSystemID: "77777777-7777-4777-8777-777777777777", TargetContextID: tenant}
	if e.Result != "success" {
		u.ResultStatus = "Failure"
	}
	u.actor(e)
	details := map[string]string{}
	for _, d := range e.AdditionalDetails {
		details[d.Key] = d.Value
	}
	u.ExtendedProperties = []pair{{"additionalDetails", compact(details)}, {"extendedAuditEventCategory", "User"}}
	u.ModifiedProperties, u.Target = []modified{}, []identity{}
	for _, t := range e.TargetResources {
		u.target(t)
	}
	if e.ResultReason != "" {
		u.ModifiedProperties = append(u.ModifiedProperties, modified{"MethodExecutionResult.", e.ResultReason, ""})
	}
	return u
}

func (u *unified) actor(e *Event) {
	user, app := e.InitiatedBy.User, e.InitiatedBy.App
	switch {
	case user != nil:
		u.UserID = user.UserPrincipalName
		if user.UserPrincipalName != "" {
			u.Actor = append(u.Actor, identity{user.UserPrincipalName, isUPN})
		}
		if user.DisplayName != "" {
			u.Actor = append(u.Actor, identity{user.DisplayName, isName})
		}
		u.Actor = append(u.Actor, identity{"User_" + user.ID, isOther}, identity{user.ID, isOther}, identity{"User", isOther})
		u.ActorContextID = cmp.Or(user.HomeTenantID, u.ActorContextID)
	case app != nil:
		u.UserType, u.UserID = 4, "ServicePrincipal_"+app.ServicePrincipalID
		u.Actor = append(u.Actor, identity{app.DisplayName, isName})
		if app.AppID != "" {
			u.Actor = append(u.Actor, identity{app.AppID, isOther})
		}
		u.Actor = append(u.Actor, identity{"ServicePrincipal_" + app.ServicePrincipalID, isOther}, identity{"ServicePrincipal", isOther})
	default:
		u.Actor = []identity{}
	}
}

func (u *unified) target(t target) {
	u.Target = append(u.Target, identity{t.Type + "_" + t.ID, isOther}, identity{t.ID, isOther}, identity{t.Type, isOther})
	if t.UserPrincipalName != "" {
		u.Target = append(u.Target, identity{t.UserPrincipalName, isUPN})
		u.ObjectID = t.UserPrincipalName
	}
	if t.DisplayName != "" {
		u.Target = append(u.Target, identity{t.DisplayName, isName})
	}
	for _, p := range t.ModifiedProperties {
		u.ModifiedProperties = append(u.ModifiedProperties, modified{p.DisplayName, encoded(p.NewValue), encoded(p.OldValue)})
	}
}

// encoded is a value as the unified log writes it: lists over several lines,
// scalars bare.
func encoded(value string) string {
	var scalar string
	if json.Unmarshal([]byte(value), &scalar) == nil {
		return scalar
	}
	var b bytes.Buffer
	if !strings.HasPrefix(value, "[") || json.Indent(&b, []byte(value), "", "  ") != nil {
		return value
	}
	return strings.ReplaceAll(b.String(), "\n", "\r\n")
}

func purviewCSV(w io.Writer, tenant string, events []*Event) error {
	out := csv.NewWriter(w)
	header := []string{"RecordId", "CreationDate", "RecordType", "Operation", "UserId", "AuditData", "AssociatedAdminUnits", "AssociatedAdminUnitsNames"}
	if err := out.Write(header); err != nil {
		return err
	}
	for _, e := range events {
		u := e.unified(tenant)
		if err := out.Write([]string{u.ID, e.ActivityDateTime.UTC().Format("1/2/2006 3:04:05 PM"), "8", u.Operation, u.UserID, compact(u), "", ""}); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// searchCSV is as Windows PowerShell writes it: UTF-16, with its own first line.
func searchCSV(w io.Writer, tenant string, events []*Event) error {
	var b strings.Builder
	b.WriteString("#TYPE Deserialized.Microsoft.Exchange.Data.ApplicationLogic.UnifiedAuditLogEvent\r\n")
	b.WriteString(`"RecordType","CreationDate","UserIds","Operations","AuditData","ResultIndex","ResultCount","Identity","IsValid"` + "\r\n")
	for i, e := range events {
		u := e.unified(tenant)
		for k, cell := range []string{"AzureActiveDirectory", e.ActivityDateTime.UTC().Format("02.01.2006 15:04:05"), u.UserID, u.Operation, compact(u),
			fmt.Sprint(i + 1), fmt.Sprint(len(events)), u.ID, "True"} {
			if k > 0 {
				b.WriteByte(',')
			}
			b.WriteString(`"` + strings.ReplaceAll(cell, `"`, `""`) + `"`)
		}
		b.WriteString("\r\n")
	}
	return utf16(w, b.String())
}

func utf16(w io.Writer, text string) error {
	out := []byte{0xff, 0xfe}
	for _, c := range text {
		out = append(out, byte(c), byte(c>>8)) // the simulator has no characters beyond
	}
	_, err := w.Write(out)
	return err
}

func searchJSON(w io.Writer, tenant string, events []*Event) error {
	list := []any{}
	for _, e := range events {
		u := e.unified(tenant)
		list = append(list, map[string]any{"RecordType": "AzureActiveDirectory", "CreationDate": fmt.Sprintf("/Date(%d)/", e.ActivityDateTime.UnixMilli()),
			"UserIds": u.UserID, "Operations": u.Operation, "AuditData": compact(u), "Identity": u.ID, "IsValid": true})
	}
	text, err := json.MarshalIndent(list, "", "    ")
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

func activityJSON(w io.Writer, tenant string, events []*Event) error {
	for some := range slices.Chunk(events, 30) {
		var blob []unified
		for _, e := range some {
			blob = append(blob, e.unified(tenant))
		}
		if _, err := io.WriteString(w, compact(blob)); err != nil {
			return err
		}
	}
	return nil
}

func purviewGraph(w io.Writer, tenant string, events []*Event) error {
	var records []any
	for _, e := range events {
		u := e.unified(tenant)
		records = append(records, map[string]any{"id": u.ID, "createdDateTime": e.ActivityDateTime, "auditLogRecordType": "AzureActiveDirectory",
			"operation": u.Operation, "organizationId": tenant, "auditData": u})
	}
	_, err := fmt.Fprintln(w, compact(map[string]any{"value": records}))
	return err
}
