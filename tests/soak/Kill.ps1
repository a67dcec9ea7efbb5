# A run that is killed again and again, at any moment, ends as one that never was: the same model and log, and nothing left over.
param([int] $Seed, [int] $Dose, [int] $Seconds, [string] $Folder)
. $PSScriptRoot/Common.ps1
$random, $clock = [Random]::new($Seed), [Diagnostics.Stopwatch]::StartNew()
$temp = (New-Item $Folder/temp -ItemType Directory).FullName
Set-Content $Folder/train.ps1 @"
    param([string] `$Run)
    `$ErrorActionPreference, `$ProgressPreference = 'Stop', 'SilentlyContinue'
    Import-Module '$modulePath'
    `$data = Get-Cifar10 -Synthetic -TrainCount 256 -TestCount 64
    'begins'
    `$(if (Test-Path `$Run/checkpoint-*.safetensors) { `$data | Start-ModelTraining -ResumeFrom `$Run -Threads 1 }
    else { `$data | Start-ModelTraining (New-ResNet20 -Seed 1) -Epochs 6 -BatchSize 64 -Threads 1 -OutputDirectory `$Run -Force }) |
        ForEach-Object { "epoch `$(`$_.Epoch)" }
"@
# The runtime's own files for debuggers are not what this is about.
function Start-Training([string] $Run) {
    Start-Shell $Folder/train.ps1 $Run @{ TMPDIR = $temp; DOTNET_EnableDiagnostics = '0' }
}

# Reads lines until one is like a pattern, or the process ends.
function Wait-Line([Diagnostics.Process] $Process, [string] $Pattern) {
    while ($null -ne ($line = $Process.StandardOutput.ReadLine()) -and $line -notlike $Pattern) { }
}

# Half-written files, one after another, until this many have been seen or there was none for a while.
function Wait-Write([Diagnostics.Process] $Process, [string] $Run, [int] $Count) {
    $seen, $patience = [Collections.Generic.HashSet[string]]::new(), [Diagnostics.Stopwatch]::StartNew()
    while ($seen.Count -lt $Count -and $patience.Elapsed.TotalSeconds -lt 20 -and !$Process.HasExited) {
        if (Test-Path $Run) { foreach ($file in [IO.Directory]::GetFiles($Run, '*.tmp')) { $null = $seen.Add($file) } }
        Start-Sleep -Milliseconds 1
    }
}

$whole = "$Folder/whole"
$ended = Wait-Shell (Start-Training $whole)
if ($ended.ExitCode) { throw "The untouched run ended with $($ended.ExitCode): $($ended.Errors)" }
$model, $log, $names = (Get-Hash $whole/model.safetensors), (Get-Log $whole/log), ((Get-ChildItem $whole -Force).Name -join ' ')

$kills = $chains = $inWrites = $beforeRuns = 0
while ($kills -lt $Dose -and $clock.Elapsed.TotalSeconds -lt $Seconds) {
    $chains++
    $run = "$Folder/chain-$chains"
    $killed = @()
    do {
        $process = Start-Training $run
        $errors = $process.StandardError.ReadToEndAsync()
        $isLast = $kills -ge $Dose -or $clock.Elapsed.TotalSeconds -ge $Seconds
        if (!$isLast) {
            # At once; once it has begun, which is soon after its start; after an epoch; in a write.
            $moment = $random.Next(6)
            $delay = $random.Next(2000)
            switch ($moment) {
                0 { $delay = $random.Next(1500) }
                1 { Wait-Line $process 'begins' }
                { $_ -in 2, 3 } { Wait-Line $process 'epoch*' }
                { $_ -in 4, 5 } { $delay = 0; Wait-Write $process $run (1 + $random.Next(5)) }
            }
            if (!$process.WaitForExit($delay)) {
                $process.Kill()
                $kills++
                $killed += "$moment+$delay"
            }
        }
        $rest = $process.StandardOutput.ReadToEndAsync()
        if (!$process.WaitForExit(300000)) { $process.Kill(); Write-Failure "chain $chains hangs after the kills $killed (seed $Seed)." }
        $exitCode, $text = $process.ExitCode, "$($errors.Result) $($rest.Result)"
        if ($text -match 'damaged|Exception|Start-ModelTraining:') {
            Write-Failure "chain $chains after the kills $killed (seed $Seed): $text"
            $exitCode = 0
        }
        if (!(Test-Path $run)) { $beforeRuns++ } elseif ($exitCode -eq 137 -and (Get-ChildItem $run -Filter *.tmp)) { $inWrites++ }
    } while ($exitCode -eq 137)

    $what = "chain $chains (seed $Seed), killed at $killed,"
    if ($exitCode) { Write-Failure "$what ended with exit code $exitCode." }
    elseif ((Get-Hash $run/model.safetensors) -ne $model) { Write-Failure "$what has another model than the untouched run." }
    elseif ((Get-Log $run/log) -ne $log) { Write-Failure "$what has another log than the untouched run." }
    if (($left = (Get-ChildItem $run -Force).Name -join ' ') -ne $names) { Write-Failure "$what left '$left', not '$names'." }
    Remove-Item $run -Recurse -Force
}
# PowerShell's own pipe for Enter-PSHostProcess stays after a kill, in any script.
$left = (Get-ChildItem $temp -Force | Where-Object Name -NotMatch '^CoreFxPipe_PSHost|^\.dotnet').Name
if ($left) { Write-Failure "the temp folder has $left (seed $Seed)." }
"$kills of $Dose kills in $chains runs, $inWrites within a write, $beforeRuns before the first file"
