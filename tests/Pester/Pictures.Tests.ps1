BeforeAll {
    . $PSScriptRoot/Setup.ps1
    $reports = @($data | Start-ModelTraining $model @quick)
    $predictions = $data | Invoke-Inference $model
    $evaluation = $data | Measure-Model $model
}

Describe '<command>' -ForEach @(
    @{ command = 'Export-TrainingPlot'; source = { $reports } }
    @{ command = 'Export-ConfusionMatrix'; source = { $evaluation } }
    @{ command = 'Export-PredictionSheet'; source = { $predictions } }
    @{ command = 'Export-AugmentationSheet'; source = { $data } }
) {
    It 'writes PNG and SVG, on a drive of PowerShell too' {
        & $source | & $command "TestDrive:/$command.png"
        & $source | & $command "TestDrive:/$command.svg"
        [IO.File]::ReadAllBytes("$TestDrive/$command.png")[1..3] | Should -Be ([byte[]][char[]]'PNG')
        ([xml] (Get-Content "TestDrive:/$command.svg" -Raw)).svg.text.Count | Should -BeGreaterThan 0
    }

    It 'replaces a file only with -Force, and nothing with -WhatIf' {
        Set-Content "TestDrive:/$command-old.png" precious
        Get-ErrorId { & $source | & $command "TestDrive:/$command-old.png" } | Should -Be 'FileExists'
        & $source | & $command "TestDrive:/$command-old.png" -Force -WhatIf
        Get-Content "TestDrive:/$command-old.png" | Should -Be 'precious'
        $file = & $source | & $command "TestDrive:/$command-old.png" -Force -PassThru
        $file.FullName | Should -Be (Get-Item "TestDrive:/$command-old.png").FullName
        $file.Length | Should -BeGreaterThan 10000
    }

    It 'refuses a format that it does not know' {
        Get-ErrorId { & $source | & $command TestDrive:/a.jpg } | Should -Be 'UnknownPictureFormat'
    }
}
