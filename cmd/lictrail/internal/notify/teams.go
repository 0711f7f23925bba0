package notify

import "lictrail/cmd/lictrail/internal/out"

// teamsLimit is in bytes. Microsoft says "approximately 28 KB", and counts what
// Teams makes of a card; cards of 21 KB are known to have been refused.
const teamsLimit = 20_000

// teamsItems is how many items of a list a card shows: it is read on phones.
const teamsItems = 20

type teamsMessage struct {
	Type        string            `json:"type"`
	Attachments []teamsAttachment `json:"attachments"`
}

type teamsAttachment struct {
	ContentType string  `json:"contentType"`
	ContentURL  *string `json:"contentUrl"`
	Content     card    `json:"content"`
}

type card struct {
	Schema  string    `json:"$schema"`
	Type    string    `json:"type"`
	Version string    `json:"version"`
	Text    string    `json:"fallbackText"` // may be taken for Markdown
	Body    []element `json:"body"`
	Teams   teamsCard `json:"msteams"`
}

// teamsCard lets a card be as wide as the channel.
type teamsCard struct {
	Width string `json:"width"`
}

// element is text. It is a RichTextBlock throughout: a TextBlock, and a fact of
// a FactSet, would take a name such as [free money](https://…) for a link.
type element struct {
	Type      string `json:"type"`
	Inlines   []run  `json:"inlines"`
	Spacing   string `json:"spacing,omitempty"`
	Separator bool   `json:"separator,omitempty"`
}

type run struct {
	Type   string `json:"type"`
	Text   string `json:"text"`
	Size   string `json:"size,omitempty"`
	Weight string `json:"weight,omitempty"`
	Subtle bool   `json:"isSubtle,omitempty"`
	Font   string `json:"fontType,omitempty"`
}

func rich(r run) element {
	r.Type = "TextRun"
	return element{Type: "RichTextBlock", Inlines: []run{r}}
}

// teams is the message as a workflow takes it that begins with "When a Teams
// webhook request is received": an adaptive card in the envelope of a message.
func (m *Message) teams() ([]byte, error) {
	return fit(teamsLimit, teamsItems, func(items int) ([]byte, error) {
		return out.JSON(teamsMessage{Type: "message", Attachments: []teamsAttachment{{
			ContentType: "application/vnd.microsoft.card.adaptive",
			Content: card{Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4",
				Text: "lictrail: this client cannot show the message.", Body: m.cardBody(items), Teams: teamsCard{"Full"}},
		}}})
	})
}

func (m *Message) cardBody(items int) []element {
	body := []element{rich(run{Text: m.Title(), Size: "Medium", Weight: "Bolder"})}
	for _, line := range m.lines() {
		e := rich(run{Text: line})
		e.Spacing = "Small"
		body = append(body, e)
	}
	for _, l := range m.lists(items) {
		heading := rich(run{Text: l.heading, Weight: "Bolder"})
		heading.Separator = true
		body = append(body, heading)
		for _, item := range l.items {
			e := rich(run{Text: "• " + item})
			e.Spacing = "Small"
			body = append(body, e)
		}
	}
	if m.Head != "" {
		e := rich(run{Text: m.headLine(), Size: "Small", Subtle: true})
		e.Separator = true
		body = append(body, e)
	}
	return body
}
