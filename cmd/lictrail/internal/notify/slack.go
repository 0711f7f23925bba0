package notify

import (
	"strings"
	"unicode/utf8"

	"lictrail/cmd/lictrail/internal/out"
)

// Limits of Slack: 150 characters in a header, 3,000 in a section, 50 blocks.
// All blocks together are refused as msg_blocks_too_long from about 13,000
// characters on, which is documented nowhere.
const (
	slackLimit   = 12_000
	slackHeader  = 150
	slackSection = 3000
	slackItems   = 10
)

type slackMessage struct {
	Text   string  `json:"text"`
	Mrkdwn bool    `json:"mrkdwn"`
	Blocks []block `json:"blocks"`
	Links  bool    `json:"unfurl_links"`
	Media  bool    `json:"unfurl_media"`
}

// block has plain text throughout: in mrkdwn <!channel> calls everybody.
type block struct {
	Type     string      `json:"type"`
	Text     *plainText  `json:"text,omitempty"`
	Elements []plainText `json:"elements,omitempty"`
}

type plainText struct {
	Type  string `json:"type"`
	Text  string `json:"text"`
	Emoji bool   `json:"emoji"`
}

func plain(text string) plainText { return plainText{Type: "plain_text", Text: text} }

func section(text string) block {
	t := plain(cut(text, slackSection))
	return block{Type: "section", Text: &t}
}

// sections spreads a list over as many sections as it needs: what a section is
// too short for would be lost.
func sections(l listed) []block {
	var blocks []block
	text := l.heading
	for _, item := range l.items {
		line := "\n• " + item
		if utf8.RuneCountInString(text)+utf8.RuneCountInString(line) > slackSection {
			blocks = append(blocks, section(text))
			text, line = "", strings.TrimPrefix(line, "\n")
		}
		text += line
	}
	return append(blocks, section(text))
}

// slack is the message for an incoming webhook of Slack.
func (m *Message) slack() ([]byte, error) {
	return fit(slackLimit, slackItems, func(items int) ([]byte, error) {
		title := plain(cut(m.Title(), slackHeader))
		blocks := []block{{Type: "header", Text: &title}, section(strings.Join(m.lines(), "\n"))}
		for _, l := range m.lists(items) {
			blocks = append(blocks, sections(l)...)
		}
		if m.Head != "" {
			blocks = append(blocks, block{Type: "context", Elements: []plainText{plain(m.headLine())}})
		}
		return out.JSON(slackMessage{Text: slackEscape(m.Title()), Blocks: blocks})
	})
}

var slackEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// slackEscape is for the text that notifications show, where Slack looks for
// markup whatever it is set to.
func slackEscape(text string) string { return slackEscaper.Replace(text) }
