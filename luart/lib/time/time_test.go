package time

import (
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luarttest"
	"github.com/caddy-rover/rover/luart/luaval"
)

func openSystemTime(L *lua.LState) *lua.LTable { return Open(L, nil) }

func TestTimeClock(t *testing.T) {
	before := time.Now()
	luarttest.Run(t, "time", openSystemTime, []luarttest.Case{
		{"now is a float that goes on", `local a, b = rover.time.now(), rover.time.now() return a <= b, b - a < 60`, "true | true"},
		{"monotonic goes on", `local a, b = rover.time.monotonic(), rover.time.monotonic() return 0 <= a, a <= b, b < 1e6`, "true | true | true"},
	})
	L := lua.NewState()
	defer L.Close()
	L.SetGlobal("time", openSystemTime(L))
	if err := L.DoString("return time.now()"); err != nil {
		t.Fatal(err)
	}
	now, after := luaval.CheckNumber(L, 1), time.Now()
	if first, last := float64(before.Unix()), float64(after.Unix()+1); now < first || now > last {
		t.Errorf("now() = %f, want it between %f and %f", now, first, last)
	}
}

func TestTimeFormat(t *testing.T) {
	format := func(args string) string { return "return rover.time.format(" + args + ")" }
	const bad = "error: <string>:1: bad argument "
	luarttest.Run(t, "time", openSystemTime, []luarttest.Case{
		{"rfc3339 is the default", format(`1700000000.75`), "2023-11-14T22:13:20Z"},
		{"rfc3339 in a zone", format(`1700000000, "rfc3339", "Asia/Kolkata"`), "2023-11-15T03:43:20+05:30"},
		{"http", format(`1700000000, "http"`), "Tue, 14 Nov 2023 22:13:20 GMT"},
		{"http is GMT in any zone", format(`1700000000, "http", "Asia/Kolkata"`), "Tue, 14 Nov 2023 22:13:20 GMT"},
		{"unix", format(`1700000000.9, "unix"`), "1700000000"},
		{"date", format(`1700000000, "date"`), "2023-11-14"},
		{"date in a zone", format(`1700000000, "date", "Asia/Kolkata"`), "2023-11-15"},
		{
			"directives", format(`1700000000, "%Y|%m|%d|%H|%M|%S|%j|%a|%A|%b|%B|%z|%Z|%p|%I|%e|%y|%s|%F|%T|%%"`),
			"2023|11|14|22|13|20|318|Tue|Tuesday|Nov|November|+0000|UTC|PM|10|14|23|1700000000|2023-11-14|22:13:20|%",
		},
		{"%e pads with a space", format(`86400 * 2, "%e"`), " 3"},
		{"midnight is 12 AM", format(`0, "%I %p"`), "12 AM"},
		{"%f is microseconds", format(`0.25, "%S.%f"`), "00.250000"},
		{"rounding reaches the seconds", format(`1.9999999, "%S.%f"`), "02.000000"},
		{"before the epoch", format(`-0.5, "%T.%f"`), "23:59:59.500000"},
		{"what Go takes for a layout is plain text", format(`0, "2006 Jan 15 %Y"`), "2006 Jan 15 1970"},
		{"summer time", format(`1720000000, "%H %Z %z", "Europe/Paris"`), "11 CEST +0200"},
		{"the first year", format(`-62167219200`), "0000-01-01T00:00:00Z"},
		{"the last year", format(`253402300799.5`), "9999-12-31T23:59:59Z"},
		{"too early", format(`-62167219201`), bad + "#1 to format (time between the years 0 and 9999 expected)"},
		{"too late", format(`253402300800`), bad + "#1 to format (time between the years 0 and 9999 expected)"},
		{"too late in its zone", format(`253402300799, "date", "Asia/Kolkata"`), bad + "#1 to format (time between the years 0 and 9999 expected)"},
		{"no number", format(`0/0`), bad + "#1 to format (time between the years 0 and 9999 expected)"},
		{"infinite", format(`1/0`), bad + "#1 to format (time between the years 0 and 9999 expected)"},
		{"unknown layout", format(`0, "iso"`), bad + `#2 to format (unknown layout "iso": rfc3339, http, unix, date or one with %Y and the like expected)`},
		{"unknown directive", format(`0, "%Y-%Q"`), bad + `#2 to format (unknown directive "%Q" in layout "%Y-%Q")`},
		{"lone percent", format(`0, "%Y%"`), bad + `#2 to format (layout "%Y%" ends in a lone %)`},
		{"unknown zone", format(`0, "date", "Mars/Base"`), bad + `#3 to format (unknown time zone "Mars/Base")`},
		{"a zone is no path", format(`0, "date", "../../etc/passwd"`), bad + `#3 to format (unknown time zone "../../etc/passwd")`},
		{"empty zone", format(`0, "date", ""`), bad + `#3 to format (unknown time zone "")`},
		{"wrong type", format(`"now"`), bad + "#1 to format (number expected, got string)"},
	})
}

func TestTimeParse(t *testing.T) {
	parse := func(args string) string { return `return rover.time.parse(` + args + `)` }
	luarttest.Run(t, "time", openSystemTime, []luarttest.Case{
		{"rfc3339", parse(`"2023-11-14T22:13:20Z"`), "1700000000"},
		{"rfc3339 with a fraction and an offset", parse(`"2023-11-15T03:43:20.25+05:30") - (1700000000`), "0.25"},
		{"http", parse(`"Tue, 14 Nov 2023 22:13:20 GMT", "http"`), "1700000000"},
		{"http of the last century", parse(`"Tuesday, 14-Nov-23 22:13:20 GMT", "http"`), "1700000000"},
		{"unix", parse(`"1700000000.5", "unix") - (1700000000`), "0.5"},
		{"unix before the epoch", parse(`"-1", "unix"`), "-1"},
		{"date", parse(`"2023-11-14", "date"`), "1699920000"},
		{"date in a zone", parse(`"2023-11-14", "date", "Asia/Kolkata"`), "1699900200"},
		{"directives", parse(`"14/11/2023 22:13:20", "%d/%m/%Y %H:%M:%S"`), "1700000000"},
		{"names in any case", parse(`"TUESDAY 14 nov 2023 10:13:20 pm", "%A %d %b %Y %I:%M:%S %p"`), "1700000000"},
		{"full month by %b, short day by %A", parse(`"Tue 14 November 2023 22:13:20", "%A %d %b %Y %T"`), "1700000000"},
		{"noon and midnight", `return rover.time.parse("12:00 PM", "%I:%M %p"), rover.time.parse("12:00 AM", "%I:%M %p")`, "43200 | 0"},
		{"%F %T%z", parse(`"2023-11-15 03:43:20+0530", "%F %T%z"`), "1700000000"},
		{"%z in other forms", `return rover.time.parse("1 Z", "%d %z"), rover.time.parse("1 -01:30", "%d %z"), rover.time.parse("1 +01", "%d %z")`, "0 | 5400 | -3600"},
		{"an offset beats the zone", parse(`"2023-11-14 22:13:20 +0000", "%F %T %z", "Asia/Kolkata"`), "1700000000"},
		{"%Z of the zone", parse(`"2024-07-03 11:46:40 CEST", "%F %T %Z", "Europe/Paris"`), "1720000000"},
		{"%Z of the other half of the year", parse(`"2024-07-03 10:46:40 CET", "%F %T %Z", "Europe/Paris"`), "1720000000"},
		{"%Z without letters", `return rover.time.parse(rover.time.format(1700000000, "%F %T %Z", "America/Sao_Paulo"), "%F %T %Z", "America/Sao_Paulo")`, "1700000000"},
		{"%Z UTC in any zone", parse(`"2023-11-14 22:13:20 UTC", "%F %T %Z", "Asia/Kolkata"`), "1700000000"},
		{"%Z of another zone", parse(`"10 EST", "%H %Z"`), `nil | parsing time "10 EST": zone "EST" is not one of UTC`},
		{"%s with %f", parse(`"1700000000.25", "%s.%f") - (1700000000`), "0.25"},
		{"%s before the epoch", parse(`"-5", "%s"`), "-5"},
		{"%j", parse(`"2024-366", "%Y-%j"`), "1735603200"},
		{"%y", `return rover.time.parse("68", "%y") > 0, rover.time.parse("69", "%y")`, "true | -31536000"},
		{"%e", `return rover.time.parse(" 3", "%e"), rover.time.parse("13", "%e")`, "172800 | 1036800"},
		{"%%", parse(`"5%", "%d%%"`), "345600"},
		{"format and back", `
			local layout = "%a, %d %b %Y %I:%M:%S.%f %p %z"
			for _, t in ipairs{0, 1.5, -1e9, 1709164800, 1700000000.123456, 253402000000} do
				if math.abs(rover.time.parse(rover.time.format(t, layout, "Asia/Kolkata"), layout) - t) > 1e-5 then return t end
			end
			return "same"`, "same"},

		{"rfc3339 in lower case", parse(`"2023-11-14t22:13:20z"`), "1700000000"},
		{"a leap second is the one after it", parse(`"1990-12-31T23:59:60Z") - rover.time.parse("1991-01-01T00:00:00Z"`), "0"},
		{"a leap second in another zone", parse(`"1990-12-31T15:59:60-08:00") - rover.time.parse("1991-01-01T00:00:00Z"`), "0"},
		{"the offset -00:00", parse(`"1970-01-01T00:00:00-00:00"`), "0"},
		{"the largest offsets", `return rover.time.parse("1970-01-02T00:00:00+23:59"), rover.time.parse("1970-01-01T00:00:00-23:59")`, "60 | 86340"},
		{"a fraction of many digits", parse(`"1970-01-01T00:00:00.5000000000000Z"`), "0.5"},
		{"what is not rfc3339", `
			local wrong = {}
			for _, s in ipairs{"1990-12-30T23:59:60Z", "1990-12-31T22:59:60Z", "1990-12-31T23:59:61Z", "2023-11-14T22:13:20,5Z", "2023-11-14T22:13:20.Z",
				"2023-11-14T0:00:00Z", "2023-11-14T00:00:00+24:00", "2023-11-14T00:00:00+14:60", "2023-11-14T24:00:00Z", "2023-11-14T00:60:00Z",
				"2023-11-14 00:00:00Z", "2023-02-29T00:00:00Z", "2023-00-10T00:00:00Z", "2023-13-10T00:00:00Z", "2023-01-00T00:00:00Z", "2023-11-14T00:00:00",
				"2023-11-14T00:00:00+0100", "2023-11-14T00:00:00+01", "2023-11-14T00:00:00Zx", "+023-11-14T00:00:00Z", "2023-11-14T00:00Z", "2023-11-14T00:00:00UTC", ""} do
				if rover.time.parse(s) then wrong[#wrong + 1] = s end
			end
			return table.concat(wrong, " ")`, ""},
		{
			"an offset with seconds", `
			local paris = -2208988800 -- 9 minutes and 21 seconds east of UTC
			local text = rover.time.format(paris, "rfc3339", "Europe/Paris")
			local fields = rover.time.format(paris, "%F %T %z", "Europe/Paris")
			return text, rover.time.parse(text) - paris, fields, rover.time.parse(fields, "%F %T %z") - paris`,
			"1900-01-01T00:09:00+00:09 | 0 | 1900-01-01 00:09:21 +000921 | 0",
		},
		{"not rfc3339", parse(`"yesterday"`), `nil | parsing time "yesterday": not a time in the layout "rfc3339"`},
		{"not unix", parse(`"0x10", "unix"`), `nil | parsing time "0x10": not a time in the layout "unix"`},
		{"unix out of range", parse(`"1e300", "unix"`), `nil | parsing time "1e300": not a time in the layout "unix"`},
		{"unix beyond year 9999", parse(`"253402300800", "unix"`), `nil | parsing time "253402300800": not a time in the layout "unix"`},
		{"no such day", parse(`"2023-02-29", "%F"`), `nil | parsing time "2023-02-29": day out of range`},
		{"a leap day", parse(`"2024-02-29", "%F"`), "1709164800"},
		{"no such yearday", parse(`"2023-366", "%Y-%j"`), `nil | parsing time "2023-366": day out of range`},
		{"no such month", parse(`"2023-13-01", "%Y-%m-%d"`), `nil | parsing time "2023-13-01": %m expected at "13-01"`},
		{"no such hour", parse(`"24:00", "%H:%M"`), `nil | parsing time "24:00": %H expected at "24:00"`},
		{"short year", parse(`"23-01-01", "%F"`), `nil | parsing time "23-01-01": %Y expected at "23-01-01"`},
		{"other punctuation", parse(`"2023/01/01", "%F"`), `nil | parsing time "2023/01/01": '-' expected at "/01/01"`},
		{"text left over", parse(`"2023-01-01x", "%F"`), `nil | parsing time "2023-01-01x": unexpected "x" after the time`},
		{"text that ends early", parse(`"2023-01", "%F"`), `nil | parsing time "2023-01": '-' expected at ""`},
		{"long text is cut in the message", parse(`("9"):rep(1000), "date"`), `nil | parsing time "9999999999999999999999999999999999999999999999999999999999999999...": not a time in the layout "date"`},
		{"unknown directive raises", parse(`"x", "%Q"`), `error: <string>:1: bad argument #2 to parse (unknown directive "%Q" in layout "%Q")`},
		{"wrong type raises", parse(`{}`), "error: <string>:1: bad argument #1 to parse (string expected, got table)"},
	})
}

// FuzzTimeParse: parsing ends in a time or an error whatever text and layout are, and a time that was read is written
// and read again as the same.
func FuzzTimeParse(f *testing.F) {
	f.Add("2023-11-14 22:13:20.5 +0100", "%Y-%m-%d %H:%M:%S.%f %z")
	f.Add("Tue 14 Nov 23 10 PM UTC", "%a %e %b %y %I %p %Z")
	f.Add("-5 318 %", "%s %j %%")
	f.Fuzz(func(t *testing.T, text, layout string) {
		L := lua.NewState()
		defer L.Close()
		L.SetGlobal("time", Open(L, nil))
		L.SetGlobal("text", lua.LString(text))
		L.SetGlobal("layout", lua.LString(layout))
		if err := L.DoString(`
			local known, at = pcall(time.parse, text, layout)
			if not known or not at or at < -62167219200 or at >= 253402300799 then return end
			local full = "%Y-%m-%d %H:%M:%S.%f"
			local again = time.parse(time.format(at, full), full)
			if math.abs(again - at) > 1e-5 then error(at .. " became " .. again) end
		`); err != nil {
			t.Errorf("text %q, layout %q: %v", text, layout, err)
		}
	})
}
