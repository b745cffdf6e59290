// Sends what aliyun/fc-go-sdk sends for version 2016-08-15: sdk-go HOST:PORT. Reads operations as lines of JSON, writes
// answers as such lines; both have the fields of asked.py. A line with "sign" is answered with the signature alone.
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sort"
	"strings"
	"time"
)

const (
	version   = "/2016-08-15"
	keyID     = "test"
	keySecret = "test"
)

type asked struct {
	Call    string            `json:"call"`
	Path    map[string]string `json:"path"`
	Query   map[string]any    `json:"query"`
	Body    map[string]any    `json:"body"`
	Headers map[string]string `json:"headers"`
	Event   *string           `json:"event"`
	Sign    *toSign           `json:"sign"`
}

type toSign struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	ID      string            `json:"id"`
	Secret  string            `json:"secret"`
}

type answered struct {
	Document any               `json:"document"`
	Text     string            `json:"text"`
	Headers  map[string]string `json:"headers"`
	Status   int               `json:"status"`
	Code     string            `json:"code"`
	Message  string            `json:"message"`
}

type operation struct{ method, path string }

const (
	service  = "/services/{serviceName}"
	function = service + "/functions/{functionName}"
)

var operations = map[string]operation{
	"CreateService":                   {"POST", "/services"},
	"GetService":                      {"GET", service},
	"ListServices":                    {"GET", "/services"},
	"DeleteService":                   {"DELETE", service},
	"CreateFunction":                  {"POST", service + "/functions"},
	"GetFunction":                     {"GET", function},
	"GetFunctionCode":                 {"GET", function + "/code"},
	"UpdateFunction":                  {"PUT", function},
	"ListFunctions":                   {"GET", service + "/functions"},
	"DeleteFunction":                  {"DELETE", function},
	"InvokeFunction":                  {"POST", function + "/invocations"},
	"PublishVersion":                  {"POST", service + "/versions"},
	"ListVersions":                    {"GET", service + "/versions"},
	"DeleteVersion":                   {"DELETE", service + "/versions/{versionId}"},
	"CreateAlias":                     {"POST", service + "/aliases"},
	"GetAlias":                        {"GET", service + "/aliases/{aliasName}"},
	"UpdateAlias":                     {"PUT", service + "/aliases/{aliasName}"},
	"ListAliases":                     {"GET", service + "/aliases"},
	"DeleteAlias":                     {"DELETE", service + "/aliases/{aliasName}"},
	"CreateTrigger":                   {"POST", function + "/triggers"},
	"GetTrigger":                      {"GET", function + "/triggers/{triggerName}"},
	"UpdateTrigger":                   {"PUT", function + "/triggers/{triggerName}"},
	"ListTriggers":                    {"GET", function + "/triggers"},
	"DeleteTrigger":                   {"DELETE", function + "/triggers/{triggerName}"},
	"PutFunctionAsyncInvokeConfig":    {"PUT", function + "/async-invoke-config"},
	"GetFunctionAsyncInvokeConfig":    {"GET", function + "/async-invoke-config"},
	"DeleteFunctionAsyncInvokeConfig": {"DELETE", function + "/async-invoke-config"},
	"CreateCustomDomain":              {"POST", "/custom-domains"},
	"GetCustomDomain":                 {"GET", "/custom-domains/{domainName}"},
	"UpdateCustomDomain":              {"PUT", "/custom-domains/{domainName}"},
	"ListCustomDomains":               {"GET", "/custom-domains"},
	"DeleteCustomDomain":              {"DELETE", "/custom-domains/{domainName}"},
	"PublishLayerVersion":             {"POST", "/layers/{layerName}/versions"},
	"GetLayerVersion":                 {"GET", "/layers/{layerName}/versions/{version}"},
	"ListLayers":                      {"GET", "/layers"},
	"DeleteLayerVersion":              {"DELETE", "/layers/{layerName}/versions/{version}"},
	"TagResource":                     {"POST", "/tag"},
	"GetResourceTags":                 {"GET", "/tag"},
	"UntagResource":                   {"DELETE", "/tag"},
	"PutProvisionConfig":              {"PUT", function + "/provision-config"},
	"GetProvisionConfig":              {"GET", function + "/provision-config"},
}

// Fields that are sent as null where they are not set.
var nulls = map[string][]string{
	"CreateService":       {"description", "internetAccess", "role", "logConfig", "vpcConfig", "nasConfig", "tracingConfig"},
	"CreateFunction":      {"description", "memorySize", "timeout", "initializer", "initializationTimeout", "environmentVariables", "instanceConcurrency", "instanceType", "caPort", "customContainerConfig", "layers"},
	"UpdateFunction":      {"description", "runtime", "handler", "code", "memorySize", "timeout", "initializer", "initializationTimeout", "environmentVariables", "instanceConcurrency", "instanceType", "caPort", "customContainerConfig", "layers"},
	"PublishVersion":      {"description"},
	"CreateAlias":         {"description", "additionalVersionWeight"},
	"UpdateAlias":         {"versionId", "description", "additionalVersionWeight"},
	"CreateTrigger":       {"sourceArn", "invocationRole", "qualifier", "description"},
	"UpdateTrigger":       {"triggerConfig", "invocationRole", "qualifier", "description"},
	"CreateCustomDomain":  {"protocol", "routeConfig", "certConfig"},
	"UpdateCustomDomain":  {"protocol", "routeConfig", "certConfig"},
	"PublishLayerVersion": {"description", "compatibleRuntime"},
	"TagResource":         {},
	"UntagResource":       {"all"},
	"PutProvisionConfig":  {"target"},
	"PutFunctionAsyncInvokeConfig": {
		"maxAsyncEventAgeInSeconds", "maxAsyncRetryAttempts", "destinationConfig", "statefulInvocation"},
}

func authorization(s toSign) string {
	headers, own := map[string]string{}, []string{}
	for name, value := range s.Headers {
		lower := strings.ToLower(name)
		headers[lower] = value
		if strings.HasPrefix(lower, "x-fc-") {
			own = append(own, lower)
		}
	}
	sort.Strings(own)
	lines := []string{s.Method, headers["content-md5"], headers["content-type"], headers["date"]}
	for _, name := range own {
		lines = append(lines, name+":"+headers[name])
	}
	hash := hmac.New(sha256.New, []byte(s.Secret))
	hash.Write([]byte(strings.Join(append(lines, s.Path), "\n")))
	return "FC " + s.ID + ":" + base64.StdEncoding.EncodeToString(hash.Sum(nil))
}

// The path in clear and as it is sent; a qualifier stands behind the service.
func paths(a asked, template string) (string, string) {
	clear, escaped := version+template, version+template
	for name, value := range a.Path {
		if qualifier, ok := a.Query["qualifier"].(string); ok && name == "serviceName" {
			value += "." + qualifier
		}
		clear = strings.ReplaceAll(clear, "{"+name+"}", value)
		escaped = strings.ReplaceAll(escaped, "{"+name+"}", url.PathEscape(value))
	}
	return clear, escaped
}

func body(a asked) ([]byte, string, error) {
	if a.Call == "InvokeFunction" {
		return []byte(*a.Event), "application/octet-stream", nil
	}
	fields, sends := nulls[a.Call]
	if !sends {
		return nil, "application/json", nil
	}
	document := map[string]any{}
	for _, name := range fields {
		document[name] = nil
	}
	for name, value := range a.Body {
		document[name] = value
	}
	data, err := json.Marshal(document)
	return data, "application/json", err
}

func send(endpoint string, a asked) (*http.Response, error) {
	op, known := operations[a.Call]
	if !known {
		return nil, fmt.Errorf("main.go has no %s", a.Call)
	}
	clear, escaped := paths(a, op.path)
	query := url.Values{}
	for name, value := range a.Query {
		if name != "qualifier" {
			query.Set(name, fmt.Sprint(value))
		}
	}
	data, kind, err := body(a)
	if err != nil {
		return nil, err
	}
	headers := map[string]string{
		"Accept-Encoding": "gzip", "Content-Type": kind, "Date": time.Now().UTC().Format(http.TimeFormat),
		"X-Fc-Account-Id": "", "User-Agent": "go-sdk-0.1",
	}
	for name, value := range a.Headers {
		headers[http.CanonicalHeaderKey(name)] = value
	}
	if data != nil {
		digest := md5.Sum(data)
		headers["Content-MD5"] = hex.EncodeToString(digest[:])
	}
	headers["Authorization"] = authorization(toSign{op.method, clear, headers, keyID, keySecret})
	target := "http://" + endpoint + escaped
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	request, err := http.NewRequest(op.method, target, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	return (&http.Client{Timeout: 10 * time.Second}).Do(request)
}

func ask(endpoint string, a asked) (any, error) {
	if a.Sign != nil {
		return authorization(*a.Sign), nil
	}
	response, err := send(endpoint, a)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var reader io.Reader = response.Body
	if response.Header.Get("Content-Encoding") == "gzip" {
		if reader, err = gzip.NewReader(reader); err != nil {
			return nil, err
		}
	}
	data, err := io.ReadAll(reader)
	if err != nil {
		return nil, err
	}
	found := answered{Status: response.StatusCode, Headers: map[string]string{}}
	for name := range response.Header {
		found.Headers[strings.ToLower(name)] = response.Header.Get(name)
	}
	if response.StatusCode >= 300 {
		var refusal struct{ ErrorCode, ErrorMessage string }
		err = json.Unmarshal(data, &refusal)
		found.Code, found.Message = refusal.ErrorCode, refusal.ErrorMessage
	} else if a.Call == "InvokeFunction" {
		found.Text = string(data)
	} else if len(data) > 0 {
		err = json.Unmarshal(data, &found.Document)
	}
	return found, err
}

func main() {
	in, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		var a asked
		if err == nil {
			err = json.Unmarshal(line, &a)
		}
		var found any
		if err == nil {
			found, err = ask(os.Args[1], a)
		}
		if err == nil {
			err = out.Encode(found)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
